// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/internal/httpx/httpxtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

// bench is a service on a real catalog behind a real listener.
type bench struct {
	t       *testing.T
	url     string
	store   *catalog.Catalog
	service *Service
}

func newBench(t *testing.T) *bench {
	t.Helper()
	store, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	who := func(context.Context) string { return "key" }
	svc, err := New(Options{Store: store, Instance: "one", Source: who, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r := chi.NewRouter()
	r.Handle("/v1/opamp", svc.Handler())
	r.Mount("/", httpxtest.Handler(nil, NewAPI(store, who, slog.New(slog.DiscardHandler)).Routes()))
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return &bench{t: t, url: srv.URL, store: store, service: svc}
}

// tell sends one message over plain HTTP.
func (b *bench) tell(m *protobufs.AgentToServer) *protobufs.ServerToAgent {
	b.t.Helper()
	body, err := proto.Marshal(m)
	require.NoError(b.t, err)
	status, answer := b.post(body, "")
	require.Equal(b.t, http.StatusOK, status, string(answer))
	var reply protobufs.ServerToAgent
	require.NoError(b.t, proto.Unmarshal(answer, &reply))
	return &reply
}

func (b *bench) post(body []byte, encoding string) (int, []byte) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/v1/opamp", bytes.NewReader(body))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(b.t, errors.Join(err, resp.Body.Close()))
	return resp.StatusCode, answer
}

// call asks the API and returns the status and the answer.
func (b *bench) call(method, path string, body any) (int, map[string]any) {
	b.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(b.t, err)
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/api/v1"+path, bytes.NewReader(text))
	require.NoError(b.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out
}

func message(id uuid.UUID, seq uint64, host string) *protobufs.AgentToServer {
	m := &protobufs.AgentToServer{
		InstanceUid: id[:], SequenceNum: seq, Capabilities: uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig),
	}
	if host != "" {
		text := func(s string) *protobufs.AnyValue {
			return &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: s}}
		}
		m.AgentDescription = &protobufs.AgentDescription{NonIdentifyingAttributes: []*protobufs.KeyValue{
			{Key: "host.name", Value: text(host)}, {Key: "bad", Value: text("a\x00b")},
		}}
	}
	return m
}

const wantAll = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)

func TestMessages(t *testing.T) {
	b := newBench(t)
	id := uuid.New()
	require.Equal(t, wantAll, b.tell(message(id, 7, "")).GetFlags(), "it is not known")
	require.NoError(t, b.service.agents.save(t.Context()))
	_, err := b.store.Agent(t.Context(), id.String())
	require.ErrorIs(t, err, storage.ErrNotFound, "nothing is known of it yet")
	require.Zero(t, b.tell(message(id, 8, "web\x00-1")).GetFlags())
	require.Zero(t, b.tell(message(id, 9, "")).GetFlags())
	require.Equal(t, wantAll, b.tell(message(id, 11, "")).GetFlags(), "a message was lost")
	board := message(id, 12, "")
	board.CustomMessage = &protobufs.CustomMessage{Capability: Capability, Type: messageBoard, Data: []byte(`{"queue":[]}`)}
	b.tell(board)
	board.SequenceNum, board.CustomMessage.Data = 13, []byte(`[1]`)
	b.tell(board) // No board: ignored.
	require.NoError(t, b.service.agents.save(t.Context()))
	a, err := b.store.Agent(t.Context(), id.String())
	require.NoError(t, err)
	require.Equal(t, []string{"web-1", "ab", "key", "one", `{"queue":[]}`}, []string{a.HostName, a.Labels["bad"], a.Source, a.Instance, a.Board})

	bad := b.tell(&protobufs.AgentToServer{InstanceUid: []byte("short")})
	require.Equal(t, protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest, bad.GetErrorResponse().GetType())

	// Another process that hears it takes over what the catalog has, and asks for the rest.
	other, err := New(Options{Store: b.store, Instance: "two", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	got, err := other.agents.take(t.Context(), id.String(), session{}, message(id, 14, ""))
	require.NoError(t, err)
	require.True(t, got.wantAll)
	require.NoError(t, other.agents.save(t.Context()))
	a, err = b.store.Agent(t.Context(), id.String())
	require.NoError(t, err)
	require.Equal(t, []string{"two", `{"queue":[]}`, "web-1"}, []string{a.Instance, a.Board, a.HostName})
}

func TestTooMuch(t *testing.T) {
	b := newBench(t)
	status, _ := b.post(make([]byte, maxMessage+1), "")
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, 16*maxMessage))
	require.NoError(t, errors.Join(err, z.Close()))
	status, _ = b.post(bomb.Bytes(), "gzip")
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	status, _ = b.post([]byte("no protobuf"), "")
	require.Equal(t, http.StatusBadRequest, status)

	// A WebSocket that is sent without end is cut off.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprint(conn, "GET /v1/opamp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	require.NoError(t, err)
	answer := make([]byte, 12)
	_, err = io.ReadFull(conn, answer)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 101", string(answer))
	frame := append([]byte{0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 1<<20)...) // One of a gibibyte.
	sent := 0
	for sent < 64 && err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.Write(frame)
		sent++
	}
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, sent, 64)
}

func TestOffers(t *testing.T) {
	b := newBench(t)
	id := uuid.New()
	require.Nil(t, b.tell(message(id, 1, "web-1")).GetRemoteConfig())
	require.NoError(t, b.service.agents.save(t.Context()))
	status, made := b.call(http.MethodPost, "/agent-configs", ConfigRequest{Name: "n", YAML: "host: {}\n"})
	require.Equal(t, http.StatusCreated, status, made)
	config := made["config"].(map[string]any)["id"].(string)
	require.NoError(t, b.store.Assign(t.Context(), []storage.Assignment{{AgentID: id.String(), ConfigID: config}}, storage.Lease{}))
	require.NoError(t, b.service.agents.refresh(t.Context()))
	offer := b.tell(message(id, 2, "")).GetRemoteConfig()
	require.Equal(t, "host: {}\n", string(offer.GetConfig().GetConfigMap()[""].GetBody()))
	m := message(id, 3, "")
	m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{
		LastRemoteConfigHash: offer.GetConfigHash(), Status: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED, ErrorMessage: "no",
	}
	require.Nil(t, b.tell(m).GetRemoteConfig(), "what was refused is not offered again")
	require.NoError(t, b.service.agents.save(t.Context()))
	_, got := b.call(http.MethodGet, "/agents/"+id.String(), nil)
	require.Equal(t, map[string]any{
		"hash": HashOf("host: {}\n"), "status": "failed", "error": "no", "id": config, "name": "n", "current": false,
	}, got["agent"].(map[string]any)["config"])
	_, got = b.call(http.MethodGet, "/agents/"+id.String()+"/config", nil)
	require.Equal(t, "host: {}\n", got["offered"].(map[string]any)["yaml"])

	status, _ = b.call(http.MethodDelete, "/agents/"+id.String(), nil)
	require.Equal(t, http.StatusNoContent, status)
	b.tell(message(id, 4, ""))
	require.NoError(t, b.service.agents.save(t.Context()), "it is not in the catalog any more")
	require.NoError(t, b.service.agents.save(t.Context()))
	_, err := b.store.Agent(t.Context(), id.String())
	require.NoError(t, err, "it lives, so it is back")
}

func TestAPI(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.tell(message(uuid.New(), 1, fmt.Sprintf("web-%d", i)))
	}
	require.NoError(t, b.service.agents.save(t.Context()))
	var hosts []string
	cursor := ""
	for range 10 {
		status, got := b.call(http.MethodGet, "/agents?limit=2&cursor="+cursor, nil)
		require.Equal(t, http.StatusOK, status)
		for _, a := range got["agents"].([]any) {
			hosts = append(hosts, a.(map[string]any)["host"].(string))
		}
		if cursor = got["next_cursor"].(string); cursor == "" {
			break
		}
	}
	require.Equal(t, []string{"web-0", "web-1", "web-2", "web-3", "web-4"}, hosts)
	_, got := b.call(http.MethodGet, "/agents?state=offline", nil)
	require.Empty(t, got["agents"])
	for path, want := range map[string]int{
		"/agents?state=x": 400, "/agents?cursor=%21": 400, "/agents?cursor=eA": 400, "/agents?limit=0": 400, "/agents/x": 404,
		"/agents/" + uuid.NewString(): 404, "/agent-configs/x": 404, "/rollouts/x": 404,
	} {
		status, _ := b.call(http.MethodGet, path, nil)
		require.Equal(t, want, status, path)
	}
	for _, bad := range []ConfigRequest{{YAML: "host: {}"}, {Name: " x"}, {Name: "x", YAML: "raw: {}"}, {Name: "x", Selector: Selector{Hosts: []string{"["}}}} {
		status, _ := b.call(http.MethodPost, "/agent-configs", bad)
		require.Equal(t, http.StatusBadRequest, status, bad)
	}
	status, _ := b.call(http.MethodPost, "/rollouts", map[string]any{"config_id": "none"})
	require.Equal(t, http.StatusBadRequest, status)
	_, made := b.call(http.MethodPost, "/agent-configs", ConfigRequest{Name: "x", YAML: "host: {}"})
	config := made["config"].(map[string]any)["id"]
	for _, bad := range []map[string]any{{"watch_seconds": 1}, {"canary": map[string]any{"percent": 101}}, {"canary": map[string]any{"percent": 1, "count": 1}}, {"no": 1}} {
		bad["config_id"] = config
		status, _ := b.call(http.MethodPost, "/rollouts", bad)
		require.Equal(t, http.StatusBadRequest, status, bad)
	}
	status, made = b.call(http.MethodPost, "/rollouts", map[string]any{"config_id": config})
	require.Equal(t, http.StatusCreated, status)
	rollout := made["rollout"].(map[string]any)["id"].(string)
	status, _ = b.call(http.MethodPost, "/rollouts", map[string]any{"config_id": config})
	require.Equal(t, http.StatusConflict, status)
	require.NoError(t, b.service.driver.drive(t.Context()))
	status, _ = b.call(http.MethodPost, "/rollouts/"+rollout+"/cancel", nil)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, b.service.driver.drive(t.Context()))
	_, got = b.call(http.MethodGet, "/rollouts/"+rollout, nil)
	require.Equal(t, RolloutBack, got["rollout"].(map[string]any)["state"])
	status, got = b.call(http.MethodGet, "/rollouts", nil)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, got["rollouts"], 1)
}

// Of two processes on one catalog one drives, and the other takes over.
func TestOneDrives(t *testing.T) {
	store, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	drivers := map[string]*driver{}
	for _, name := range []string{"one", "two"} {
		drivers[name] = newDriver(Options{Store: store, Leases: store, Instance: name, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, drivers[name].drive(t.Context()))
	}
	require.False(t, drivers["one"].since.IsZero())
	require.True(t, drivers["two"].since.IsZero())
	drivers["one"].release(t.Context())
	require.NoError(t, drivers["two"].drive(t.Context()))
	require.False(t, drivers["two"].since.IsZero())
	require.ErrorIs(t, store.Assign(t.Context(), nil, drivers["one"].lease.Fence()), storage.ErrConflict)
}
