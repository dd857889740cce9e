// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// distributionPort is Erlang's own; an HTTP request to it would be an error in RabbitMQ's log.
const distributionPort = 25672

type rabbitMQ struct {
	*web
	at netip.AddrPort // where the management API answered
}

func newRabbitMQ(t Target) *rabbitMQ {
	if t.Credential == nil {
		// RabbitMQ lets this user in from loopback only.
		t.Credential = &Credential{Kind: t.Kind, Username: "guest", Password: "guest"}
	}
	return &rabbitMQ{web: newWeb(t)}
}

type rabbitOverview struct {
	Version string             `json:"rabbitmq_version"`
	Node    string             `json:"node"`
	Objects map[string]float64 `json:"object_totals"`
	Queues  struct {
		Ready   float64 `json:"messages_ready"`
		Unacked float64 `json:"messages_unacknowledged"`
	} `json:"queue_totals"`
	Stats struct {
		Publish   float64 `json:"publish"`
		Deliver   float64 `json:"deliver_get"`
		Ack       float64 `json:"ack"`
		Redeliver float64 `json:"redeliver"`
		Drop      float64 `json:"drop_unroutable"`
	} `json:"message_stats"`
}

type rabbitNode struct {
	Uptime        float64 `json:"uptime"`
	MemUsed       float64 `json:"mem_used"`
	MemLimit      float64 `json:"mem_limit"`
	DiskFree      float64 `json:"disk_free"`
	DiskFreeLimit float64 `json:"disk_free_limit"`
	FDUsed        float64 `json:"fd_used"`
	FDTotal       float64 `json:"fd_total"`
	ProcUsed      float64 `json:"proc_used"`
	MemAlarm      bool    `json:"mem_alarm"`
	DiskAlarm     bool    `json:"disk_free_alarm"`
}

type rabbitQueue struct {
	Name      string  `json:"name"`
	VHost     string  `json:"vhost"`
	Ready     float64 `json:"messages_ready"`
	Unacked   float64 `json:"messages_unacknowledged"`
	Consumers float64 `json:"consumers"`
}

// Read implements Reader.
func (q *rabbitMQ) Read(ctx context.Context) (Reading, error) {
	var o rabbitOverview
	status, err := q.find(ctx, &o)
	if err != nil {
		return Reading{}, err
	}
	if status != http.StatusOK {
		return Reading{}, q.refused(status)
	}
	var n rabbitNode
	if status, err = q.ask(ctx, q.at, "/api/nodes/"+o.Node, &n); err != nil || status != http.StatusOK {
		return Reading{}, cmp.Or(err, q.refused(status))
	}
	var queues []rabbitQueue
	if status, err = q.ask(ctx, q.at, "/api/queues?disable_stats=true&enable_queue_totals=true", &queues); err != nil || status != http.StatusOK {
		return Reading{}, cmp.Or(err, q.refused(status))
	}
	return rabbitReading(o, n, queues), nil
}

func rabbitReading(o rabbitOverview, n rabbitNode, queues []rabbitQueue) Reading {
	r := Reading{Version: o.Version}
	for field, v := range map[string]float64{
		"node.uptime": n.Uptime, "node.mem_used": n.MemUsed, "node.mem_limit": n.MemLimit, "node.disk_free": n.DiskFree,
		"node.disk_free_limit": n.DiskFreeLimit, "node.fd_used": n.FDUsed, "node.fd_total": n.FDTotal, "node.proc_used": n.ProcUsed,
		"node.mem_alarm": truth(n.MemAlarm), "node.disk_free_alarm": truth(n.DiskAlarm),
		"total.ready": o.Queues.Ready, "total.unacknowledged": o.Queues.Unacked,
		"stats.publish": o.Stats.Publish, "stats.deliver_get": o.Stats.Deliver, "stats.ack": o.Stats.Ack, "stats.redeliver": o.Stats.Redeliver,
		"stats.drop_unroutable": o.Stats.Drop,
	} {
		r.add(field, v)
	}
	for name, v := range o.Objects {
		r.add("object."+name, v)
	}
	// The longest first, so that the budget keeps those.
	slices.SortFunc(queues, func(a, b rabbitQueue) int { return cmp.Compare(b.Ready+b.Unacked, a.Ready+a.Unacked) })
	for _, q := range queues {
		tags := []string{"vhost", q.VHost, "queue", q.Name}
		r.add("queue.ready", q.Ready, tags...)
		r.add("queue.unacknowledged", q.Unacked, tags...)
		r.add("queue.consumers", q.Consumers, tags...)
	}
	return r
}

// find looks for the management API on the sockets that are not those of AMQP. The status is 0 when none speaks HTTP and RabbitMQ runs.
func (q *rabbitMQ) find(ctx context.Context, into *rabbitOverview) (status int, err error) {
	if q.at.IsValid() {
		if status, err = q.ask(ctx, q.at, "/api/overview", into); err == nil {
			return status, nil
		}
		q.at = netip.AddrPort{}
	}
	for _, addr := range q.t.ordered()[1:] {
		if addr.Port() == distributionPort {
			continue
		}
		if status, err = q.probe(ctx, addr, into); err == nil && (status == http.StatusOK || status == http.StatusUnauthorized) {
			q.at = addr
			return status, nil
		}
	}
	conn, err := dial(ctx, q.t.Address)
	if err != nil {
		return 0, err
	}
	return 0, conn.Close() // Says what it is.
}

// probe asks a socket that may speak something else and never answer.
func (q *rabbitMQ) probe(ctx context.Context, addr netip.AddrPort, into *rabbitOverview) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return q.ask(ctx, addr, "/api/overview", into)
}

func (q *rabbitMQ) ask(ctx context.Context, addr netip.AddrPort, path string, into any) (int, error) {
	status, body, err := q.get(ctx, q.url(addr, path))
	if err != nil {
		return 0, err
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return status, nil
}

func (q *rabbitMQ) refused(status int) error {
	m := Missing{What: "everything: messages, queues, consumers, memory, alarms", Why: "the management API does not answer"}
	if status == 0 {
		m.How = "# as root, on this host\nrabbitmq-plugins enable rabbitmq_management"
	} else {
		m.Why = fmt.Sprintf("the management API answers %d", status)
		m.How = "# as root, on this host\nrabbitmqctl add_user strata CHOOSE-A-PASSWORD\nrabbitmqctl set_user_tags strata monitoring\n" +
			"rabbitmqctl set_permissions -p / strata '' '' ''\n" + credentialLine(q.t, "username", "strata", "password", "CHOOSE-A-PASSWORD")
	}
	return &AccessError{Missing: m, Err: errors.New(m.Why)}
}
