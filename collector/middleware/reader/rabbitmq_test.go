// SPDX-License-Identifier: Apache-2.0

package reader

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	rabbitOverviewText = `{"rabbitmq_version":"4.0.2","node":"rabbit@web-1","object_totals":{"channels":3,"connections":2,"consumers":1,"exchanges":7,"queues":2},
		"queue_totals":{"messages":30,"messages_ready":20,"messages_unacknowledged":10},
		"message_stats":{"publish":100,"publish_details":{"rate":1.5},"deliver_get":80,"ack":70,"redeliver":5,"drop_unroutable":2}}`
	rabbitNodeText = `{"name":"rabbit@web-1","uptime":5000,"mem_used":1024,"mem_limit":4096,"disk_free":2048,"disk_free_limit":50,"fd_used":30,"fd_total":1000,
		"proc_used":400,"mem_alarm":false,"disk_free_alarm":true}`
	rabbitQueuesText = `[{"name":"a","vhost":"/","messages_ready":1,"messages_unacknowledged":0,"consumers":1,"state":"running"},
		{"name":"b","vhost":"shop","messages_ready":15,"messages_unacknowledged":10,"consumers":0}]`
)

func rabbitTexts() map[string]string {
	return map[string]string{"/api/overview": rabbitOverviewText, "/api/nodes/rabbit@web-1": rabbitNodeText, "/api/queues": rabbitQueuesText}
}

// rabbitServer is the management API for one user.
type rabbitServer struct {
	user, password string

	mu     sync.Mutex
	texts  map[string]string // guarded by mu, as status is
	status map[string]int
}

func (s *rabbitServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != s.user || password != s.password {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"not_authorized","reason":"Login failed"}`)
		return
	}
	if code := s.status[r.URL.Path]; code != 0 {
		w.WriteHeader(code)
		return
	}
	_, _ = io.WriteString(w, s.texts[r.URL.Path])
}

// rabbit is a target whose main address speaks AMQP, with the management API at another one.
func rabbit(t *testing.T, s *rabbitServer, credential *Credential) Target {
	t.Helper()
	amqp := serve(t, silent).addr
	to := target("rabbitmq", amqp, credential)
	to.Addresses = []netip.AddrPort{amqp, serve(t, func(c net.Conn) {}).addr, page(t, s.ServeHTTP)}
	return to
}

func TestRabbitMQ(t *testing.T) {
	s := &rabbitServer{user: "guest", password: "guest", texts: rabbitTexts()}
	r := open(t, rabbit(t, s, nil))
	for range 2 {
		got, err := read(t, r)
		require.NoError(t, err)
		require.Equal(t, "4.0.2", got.Version)
		v := values(got)
		for field, want := range map[string]float64{
			"node.uptime": 5000, "node.mem_used": 1024, "node.mem_limit": 4096, "node.disk_free": 2048, "node.disk_free_limit": 50, "node.fd_used": 30, "node.fd_total": 1000,
			"node.proc_used": 400, "node.mem_alarm": 0, "node.disk_free_alarm": 1, "total.ready": 20, "total.unacknowledged": 10, "stats.publish": 100, "stats.deliver_get": 80,
			"stats.ack": 70, "stats.redeliver": 5, "stats.drop_unroutable": 2, "object.channels": 3, "object.connections": 2, "object.consumers": 1, "object.exchanges": 7,
			"object.queues": 2, "queue.ready{queue=a,vhost=/}": 1, "queue.unacknowledged{queue=a,vhost=/}": 0, "queue.consumers{queue=a,vhost=/}": 1,
			"queue.ready{queue=b,vhost=shop}": 15, "queue.unacknowledged{queue=b,vhost=shop}": 10, "queue.consumers{queue=b,vhost=shop}": 0,
		} {
			require.Contains(t, v, field)
			require.InDelta(t, want, v[field], 0, field)
		}
		require.Len(t, v, 28)
		last := got.Samples[len(got.Samples)-6:]
		require.Equal(t, "b", last[0].Tags["queue"], "the longest queue comes first")
		require.Equal(t, "a", last[3].Tags["queue"])
	}
}

// TestRabbitMQOld: fields that older versions or fresh servers leave out are 0.
func TestRabbitMQOld(t *testing.T) {
	texts := map[string]string{"/api/overview": `{"rabbitmq_version":"3.8.2","node":"rabbit@old","queue_totals":{},"message_stats":{}}`, "/api/nodes/rabbit@old": `{}`, "/api/queues": `[]`}
	got, err := read(t, open(t, rabbit(t, &rabbitServer{user: "guest", password: "guest", texts: texts}, nil)))
	require.NoError(t, err)
	require.Equal(t, "3.8.2", got.Version)
	require.Len(t, got.Samples, 17)
	for _, s := range got.Samples {
		require.Zero(t, s.Value, s.Field)
	}
}

func TestRabbitMQRefuses(t *testing.T) {
	credential := &Credential{Username: "strata", Password: "wrong"}
	_, err := read(t, open(t, rabbit(t, &rabbitServer{user: "strata", password: "right", texts: rabbitTexts()}, credential)))
	missing := refusal(t, err)
	require.Equal(t, "the management API answers 401", missing.Why)
	require.Contains(t, missing.How, "rabbitmqctl set_user_tags strata monitoring")
	require.NotContains(t, missing.How, "wrong")
	for _, path := range []string{"/api/nodes/rabbit@web-1", "/api/queues"} {
		s := &rabbitServer{user: "guest", password: "guest", texts: rabbitTexts(), status: map[string]int{path: http.StatusForbidden}}
		_, err = read(t, open(t, rabbit(t, s, nil)))
		require.Equal(t, "the management API answers 403", refusal(t, err).Why, path)
	}
}

// TestRabbitMQPlugin: a server whose management API is not there says how to get it.
func TestRabbitMQPlugin(t *testing.T) {
	for name, other := range map[string]netip.AddrPort{
		"nothing else":     {},
		"another protocol": serve(t, func(c net.Conn) { _, _ = io.WriteString(c, "AMQP\x00\x00\x09\x01") }).addr,
		"another page":     page(t, http.NotFound),
		"Erlang's":         netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), distributionPort),
	} {
		to := target("rabbitmq", serve(t, silent).addr, nil)
		if other.IsValid() {
			to.Addresses = append(to.Addresses, other)
		}
		_, err := read(t, open(t, to))
		var refused *AccessError
		require.ErrorAs(t, err, &refused, name)
		require.Contains(t, refusal(t, err).How, "rabbitmq-plugins enable rabbitmq_management", name)
	}
}

func TestRabbitMQBroken(t *testing.T) {
	for _, path := range []string{"/api/nodes/rabbit@web-1", "/api/queues"} {
		for _, text := range []string{"", "<html>", rabbitOverviewText[:40], `"text"`} {
			texts := rabbitTexts()
			texts[path] = text
			_, err := read(t, open(t, rabbit(t, &rabbitServer{user: "guest", password: "guest", texts: texts}, nil)))
			unanswered(t, err, "read "+strings.Split(path, "?")[0])
		}
	}
}

// TestRabbitMQMoves: an API that answers no more is looked for again.
func TestRabbitMQMoves(t *testing.T) {
	s := &rabbitServer{user: "guest", password: "guest", texts: rabbitTexts()}
	to := rabbit(t, s, nil)
	r := newRabbitMQ(to)
	defer func() { _ = r.Close() }()
	_, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, to.Addresses[2], r.at)
	r.at = nobody(t)
	got, err := read(t, r)
	require.NoError(t, err)
	require.Equal(t, "4.0.2", got.Version)
	require.Equal(t, to.Addresses[2], r.at)
}
