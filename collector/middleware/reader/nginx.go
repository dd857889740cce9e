// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

type nginx struct {
	*web
	page string // the status page that answered last
}

func newNginx(t Target) *nginx { return &nginx{web: newWeb(t)} }

// Read implements Reader.
func (n *nginx) Read(ctx context.Context) (Reading, error) {
	if n.page != "" {
		r, _, err := n.try(ctx, n.page)
		if err == nil {
			return r, nil
		}
		n.page = ""
	}
	var reached bool
	var last error
	for _, page := range n.pages() {
		r, status, err := n.try(ctx, page)
		if err == nil {
			n.page = page
			return r, nil
		}
		reached, last = reached || status != 0, err
		if ctx.Err() != nil {
			break
		}
	}
	if !reached {
		return Reading{}, last
	}
	return Reading{}, n.refused()
}

func (n *nginx) pages() []string {
	if c := n.t.Credential; c != nil && c.URL != "" {
		return []string{c.URL}
	}
	var out []string
	for _, addr := range n.t.ordered() {
		for _, path := range []string{"/nginx_status", "/stub_status", "/basic_status", "/status"} {
			out = append(out, n.url(addr, path))
		}
	}
	return out
}

func (n *nginx) try(ctx context.Context, page string) (Reading, int, error) {
	status, body, err := n.get(ctx, page)
	if err != nil {
		return Reading{}, 0, err
	}
	if status != http.StatusOK {
		return Reading{}, status, fmt.Errorf("ask %s: status %d", page, status)
	}
	r, err := parseStubStatus(string(body))
	return r, status, err
}

func (n *nginx) refused() error {
	return &AccessError{Err: errors.New("no stub_status"), Missing: Missing{
		What: "everything: requests and connections",
		Why:  "no stub_status page at /nginx_status, /stub_status, /basic_status or /status",
		How: "# in a server block of the nginx configuration that listens on " + n.t.Address.String() + "; then: nginx -s reload\n" +
			"location = /nginx_status { stub_status; allow 127.0.0.1; allow ::1; deny all; access_log off; }",
	}}
}

// parseStubStatus reads the module's four lines.
func parseStubStatus(text string) (Reading, error) {
	re := regexp.MustCompile(`^Active connections: (\d+)\s+server accepts handled requests\s+(\d+) (\d+) (\d+)\s+Reading: (\d+) Writing: (\d+) Waiting: (\d+)\s*$`)
	m := re.FindStringSubmatch(strings.ReplaceAll(text, "\r", ""))
	if m == nil {
		return Reading{}, errors.New("not a stub_status page")
	}
	var r Reading
	for i, field := range []string{"active", "accepted", "handled", "requests", "reading", "writing", "waiting"} {
		v, _ := number(m[i+1])
		r.add(field, v)
	}
	return r, nil
}
