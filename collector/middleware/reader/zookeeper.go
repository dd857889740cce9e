// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// zookeeperAdminPort is where the admin server listens unless it is told otherwise (admin.serverPort).
const zookeeperAdminPort = 8080

type zookeeper struct {
	*web
	// adminPort is zookeeperAdminPort but in tests.
	adminPort uint16
}

func newZooKeeper(t Target) *zookeeper { return &zookeeper{newWeb(t), zookeeperAdminPort} }

// Read implements Reader. The commands beyond srvr must be allowed; the admin server, where it runs, tells the same.
func (z *zookeeper) Read(ctx context.Context) (Reading, error) {
	text, err := z.word(ctx, "mntr")
	if err != nil {
		return Reading{}, err
	}
	if strings.HasPrefix(text, "zk_") {
		return parseMntr(text), nil
	}
	if r, ok := z.admin(ctx); ok {
		return r, nil
	}
	missing := Missing{
		What: "watches, size of the tree, descriptors, followers, slow writes", Why: strings.TrimSpace(text),
		How: "# in zoo.cfg (Debian: /etc/zookeeper/conf/zoo.cfg); then restart ZooKeeper\n4lw.commands.whitelist=srvr,mntr",
	}
	text, err = z.word(ctx, "srvr")
	if err != nil {
		return Reading{}, err
	}
	r, ok := parseSrvr(text)
	if !ok {
		missing.What, missing.Why = "everything", strings.TrimSpace(text)
		return Reading{}, &AccessError{Missing: missing, Err: errors.New(missing.Why)}
	}
	r.Missing = []Missing{missing}
	return r, nil
}

// word asks one four-letter word; the server ends the connection after its answer.
func (z *zookeeper) word(ctx context.Context, word string) (string, error) {
	conn, err := dial(ctx, z.t.Address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, word); err != nil {
		return "", fmt.Errorf("send %s: %w", word, err)
	}
	text, err := io.ReadAll(io.LimitReader(conn, maxInfo))
	if err != nil {
		return "", fmt.Errorf("read answer to %s: %w", word, err)
	}
	return string(text), nil
}

// admin asks the admin server, only on its usual port: a quorum port would log the attempt.
func (z *zookeeper) admin(ctx context.Context) (Reading, bool) {
	for _, addr := range z.t.Addresses {
		if addr.Port() != z.adminPort {
			continue
		}
		status, body, err := z.get(ctx, z.url(addr, "/commands/monitor"))
		var values map[string]any
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &values) != nil {
			continue
		}
		var r Reading
		for k, v := range values {
			r.value(k, fmt.Sprint(v))
		}
		return r, true
	}
	return Reading{}, false
}

func parseMntr(text string) Reading {
	var r Reading
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if name, zk := strings.CutPrefix(key, "zk_"); ok && zk {
			r.value(name, value)
		}
	}
	return r
}

func (r *Reading) value(name, value string) {
	switch name {
	case "version":
		r.Version, _, _ = strings.Cut(value, "-")
	case "server_state":
		r.add(name, 1, "role", value)
	default:
		if v, ok := number(value); ok {
			r.add(name, v)
		}
	}
}

// parseSrvr reads the few numbers of srvr by the names that mntr gives them.
func parseSrvr(text string) (Reading, bool) {
	var r Reading
	known := false
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		names := map[string]string{
			"Received": "packets_received", "Sent": "packets_sent", "Connections": "num_alive_connections", "Outstanding": "outstanding_requests",
			"Node count": "znode_count",
		}
		switch key {
		case "Zookeeper version":
			known = true
			r.value("version", value)
		case "Latency min/avg/max":
			parts := strings.Split(value, "/")
			for i, name := range []string{"min_latency", "avg_latency", "max_latency"} {
				if i < len(parts) {
					r.value(name, parts[i])
				}
			}
		case "Mode":
			r.value("server_state", value)
		default:
			if name := names[key]; name != "" {
				r.value(name, value)
			}
		}
	}
	return r, known
}
