// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/backoff"
)

// The agent's own clocks (collector/fleet): how long a first answer may take, how long later ones.
const (
	firstAnswer = 10 * time.Second
	silenceBeat = 3
	opampPath   = "/v1/opamp"
	// healthEvery is how often the health of an agent changes, about.
	healthEvery = 10 * time.Minute
	askTimeout  = 5 * time.Second
)

// retry is the pause between attempts of the agent's OpAMP library: at once, then half a second and half as much more each time up to a
// minute, each by half of itself shorter or longer.
type retry struct{ last time.Duration }

func (r *retry) next() time.Duration {
	const first, longest = 500 * time.Millisecond, time.Minute
	if r.last == 0 {
		r.last = first
	} else {
		r.last = min(r.last*3/2, longest)
	}
	return time.Duration(float64(r.last) * (0.5 + rand.Float64())) //nolint:gosec // A pause needs no secrecy.
}

// agent speaks to the server as collector/fleet does, over WebSocket alone.
type agent struct {
	load  *Load
	addr  string
	about texts

	mu       sync.Mutex
	ws       *webSocket  // guarded by mu; nil while there is no connection
	sequence uint64      // guarded by mu
	sent     []time.Time // when what is not answered yet was sent; guarded by mu
}

// run holds a connection until ctx ends.
func (a *agent) run(ctx context.Context) {
	for ctx.Err() == nil {
		a.session(ctx)
	}
}

// session is one client of the agent's library: it ends when the server is silent. The agent would go on by plain HTTP then; that is
// counted.
func (a *agent) session(ctx context.Context) {
	began, heard, full, asked := time.Now(), time.Time{}, true, false
	var pause retry
	for wait := time.Duration(0); backoff.Sleep(ctx, wait) == nil; {
		a.load.dials.Add(1)
		ws, err := dialWebSocket(ctx, a.addr, opampPath, a.load.key)
		if err == nil {
			if at := a.connection(ctx, ws, full); !at.IsZero() {
				heard = at
			}
			full = false // The library says everything in its first connection, later when it is asked.
			wait, pause = 0, retry{}
		} else {
			a.load.failed.Add(1)
			wait = pause.next()
			if !asked { // Once a session the agent asks why.
				asked = true
				a.ask(ctx)
			}
		}
		if a.silent(began, heard) {
			break
		}
	}
	if ctx.Err() == nil {
		a.load.sessions.Add(1)
	}
}

// errAway says that there is no connection to send by.
var errAway = errors.New("no connection")

// silent says whether the session has waited as long as an agent does.
func (a *agent) silent(began, heard time.Time) bool {
	if heard.IsZero() {
		return time.Since(began) > firstAnswer
	}
	return time.Since(heard) > a.patience()
}

func (a *agent) patience() time.Duration { return max(firstAnswer, silenceBeat*a.load.heartbeat) }

// ask is the plain request by which an agent learns why it is refused.
func (a *agent) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.addr+opampPath, nil)
	if err != nil {
		return
	}
	if a.load.key != "" {
		req.Header.Set("Authorization", "Bearer "+a.load.key)
	}
	web := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := web.Do(req); err == nil {
		_ = resp.Body.Close() // Nothing is wanted of it.
	}
}

// connection talks until it ends and returns when the server was heard last.
func (a *agent) connection(ctx context.Context, ws *webSocket, full bool) (heard time.Time) {
	stop := context.AfterFunc(ctx, func() { _ = ws.conn.Close() })
	defer stop()
	a.mu.Lock()
	a.ws, a.sent = ws, a.sent[:0]
	a.mu.Unlock()
	timer := a.schedule()
	online := false
	defer func() {
		timer.Stop()
		a.mu.Lock()
		a.ws = nil
		a.mu.Unlock()
		_ = ws.conn.Close()
		if online {
			a.load.online.Add(-1)
		}
	}()
	if a.send(&protobufs.AgentToServer{}, full) != nil {
		return heard
	}
	within := firstAnswer
	for {
		raw, err := ws.read(within)
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				a.load.silences.Add(1)
			}
			return heard
		}
		heard, within = time.Now(), a.patience()
		reply, err := decode(raw)
		if err != nil || reply.GetErrorResponse() != nil {
			a.load.errors.Add(1)
			continue
		}
		a.answered(heard)
		if !online {
			online = true
			a.load.online.Add(1)
		}
		if reply.GetFlags()&uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState) != 0 && a.send(&protobufs.AgentToServer{}, true) != nil {
			return heard
		}
	}
}

// answered counts the answer to the oldest message.
func (a *agent) answered(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sent) == 0 {
		return // Something the server said of itself.
	}
	a.load.latency.note(now.Sub(a.sent[0]))
	a.sent = append(a.sent[:0], a.sent[1:]...)
	a.load.answers.Add(1)
}

// schedule sends what is due: a board where those are sent, which counts as a heartbeat, and a change of health now and then.
func (a *agent) schedule() *time.Timer {
	every := a.load.heartbeat
	if a.load.board > 0 {
		every = min(every, a.load.board)
	}
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(time.Duration(rand.Int64N(int64(every))), func() { //nolint:gosec // A pause needs no secrecy.
		<-ready
		m := &protobufs.AgentToServer{}
		if a.load.board > 0 {
			m.CustomMessage = a.about.board(time.Now())
		}
		if rand.Int64N(int64(healthEvery)) < int64(every) { //nolint:gosec // As above.
			m.Health = a.about.health(time.Now())
		}
		if a.send(m, false) == nil {
			timer.Reset(every)
		}
	})
	close(ready)
	return timer
}

// send fills in what every message has and sends it.
func (a *agent) send(m *protobufs.AgentToServer, full bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ws == nil {
		return errAway
	}
	a.sequence++
	m.InstanceUid, m.SequenceNum, m.Capabilities = a.about.uid[:], a.sequence, capabilities
	if full {
		a.about.fill(m)
	}
	text, err := encode(m)
	if err != nil {
		return err
	}
	a.sent = append(a.sent, time.Now())
	if err := a.ws.write(wsBinary, text); err != nil {
		return err
	}
	a.load.messages.Add(1)
	return nil
}

// opampHeader comes before every message over WebSocket.
const opampHeader = 0

func encode(m *protobufs.AgentToServer) ([]byte, error) {
	text, err := proto.MarshalOptions{}.MarshalAppend(binary.AppendUvarint(nil, opampHeader), m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return text, nil
}

func decode(text []byte) (*protobufs.ServerToAgent, error) {
	if head, n := binary.Uvarint(text); n > 0 && head == opampHeader {
		text = text[n:]
	}
	var m protobufs.ServerToAgent
	if err := proto.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return &m, nil
}
