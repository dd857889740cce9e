// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testRule = "rules/api/1" // the lease of the rule group that tests report for

// fixture is a pipeline over a store in memory, whose notifiers are receivers of the test.
type fixture struct {
	*Pipeline
	t     *testing.T
	store *memory
	opts  Options
	reg   *prometheus.Registry

	mu        sync.Mutex
	receivers map[string]*testReceiver // guarded by mu
}

func newFixture(t *testing.T, edits ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: newMemory(), reg: prometheus.NewRegistry(), receivers: make(map[string]*testReceiver)}
	types, err := receiver.NewTypes(receiver.TypeOf("test", f.receiver))
	require.NoError(t, err)
	f.opts = Options{
		Notifiers: f.store, Queue: f.store, Log: f.store, Types: types, RulePrefix: "rules/",
		Leases:         lease.New(lease.Options{Replaced: 15 * time.Second, Logger: slog.New(slog.DiscardHandler)}),
		ReportInterval: time.Minute, RepeatInterval: 4 * time.Hour, PollInterval: 3 * time.Second,
		ExternalURL: &url.URL{Scheme: "http", Host: "strata.example"}, Logger: slog.New(slog.DiscardHandler), Registerer: f.reg,
	}
	for _, e := range edits {
		e(&f.opts)
	}
	f.Pipeline, err = New(f.opts)
	require.NoError(t, err)
	return f
}

// start runs the pipeline and returns how to stop it.
func (f *fixture) start() (stop func()) {
	f.t.Helper()
	require.NoError(f.t, f.Load(f.t.Context()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		require.NoError(f.t, <-done)
	})
}

// testConfig names the receiver of a notifier.
type testConfig struct {
	Name string `json:"name"`
}

func (f *fixture) receiver(c testConfig) (receiver.Notifier, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.receivers[c.Name]; ok {
		return r, nil
	}
	return nil, errors.New("name: there is no such receiver")
}

// testReceiver keeps what it got and answers as it is told to.
type testReceiver struct {
	mu     sync.Mutex
	got    []receiver.Notification                      // guarded by mu
	at     []time.Time                                  // when; guarded by mu
	answer func(ctx context.Context, attempt int) error // guarded by mu; nil takes all
}

// Notify implements receiver.Notifier.
func (r *testReceiver) Notify(ctx context.Context, n receiver.Notification) error {
	r.mu.Lock()
	r.got, r.at = append(r.got, n), append(r.at, time.Now())
	answer, attempt := r.answer, len(r.got)
	r.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, attempt)
}

func (r *testReceiver) respond(answer func(ctx context.Context, attempt int) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *testReceiver) all() []receiver.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// pauses are the times between the attempts.
func (r *testReceiver) pauses() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(r.at); i++ {
		out = append(out, r.at[i].Sub(r.at[i-1]))
	}
	return out
}

// add stores an enabled notifier of that name and id, and returns its receiver.
func (f *fixture) add(name string, edits ...func(*storage.Notifier)) *testReceiver {
	f.t.Helper()
	r := &testReceiver{}
	f.mu.Lock()
	f.receivers[name] = r
	f.mu.Unlock()
	n := storage.Notifier{ID: name, Name: name, Type: "test", Config: `{"name":"` + name + `"}`, SendResolved: true, Enabled: true}
	for _, e := range edits {
		e(&n)
	}
	require.NoError(f.t, f.store.PutNotifier(f.t.Context(), n))
	return r
}

func quiet(n *storage.Notifier) { n.SendResolved = false }

// report hands on alerts of the one rule group.
func (f *fixture) report(alerts ...*rules.Alert) {
	f.Notify(f.t.Context(), f.grant(testRule), alerts)
}

func (f *fixture) grant(name string) lease.Grant {
	f.t.Helper()
	g, ok := f.opts.Leases.Grant(name)
	require.True(f.t, ok)
	return g
}

func (f *fixture) pending(notifier string) int {
	f.t.Helper()
	c, err := f.store.CountPending(f.t.Context())
	require.NoError(f.t, err)
	return c[notifier]
}

// metric sums a counter over its labels.
func (f *fixture) metric(name string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	require.NoError(f.t, err)
	sum := 0.0
	for _, mf := range families {
		if mf.GetName() == "strata_alerting_"+name {
			for _, m := range mf.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func firing(name string, pairs ...string) *rules.Alert {
	return &rules.Alert{
		Labels: labels.FromStrings(append([]string{"alertname", name}, pairs...)...), FiredAt: time.Now(), ValidUntil: time.Now().Add(4 * time.Minute), State: rules.StateFiring,
	}
}

func resolved(name string, pairs ...string) *rules.Alert {
	a := firing(name, pairs...)
	a.ResolvedAt = time.Now()
	return a
}

// pausedClock is a clock that tests move.
type pausedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *pausedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *pausedClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// memory is a catalog of notifiers, queue and log. Calls fail while they are told to.
type memory struct {
	mu        sync.Mutex
	notifiers map[string]storage.Notifier
	statuses  map[string]storage.NotifierStatus
	queue     map[string]storage.Notification
	log       map[[2]string]storage.NotifiedGroup // by notifier and key
	broken    map[string]error                    // by method
}

func newMemory() *memory {
	return &memory{
		notifiers: make(map[string]storage.Notifier), statuses: make(map[string]storage.NotifierStatus), queue: make(map[string]storage.Notification),
		log: make(map[[2]string]storage.NotifiedGroup), broken: make(map[string]error),
	}
}

// fail makes a method fail until it is called with nil.
func (m *memory) fail(method string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken[method] = err
}

func (m *memory) status(id string) storage.NotifierStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.statuses[id]
}

func (m *memory) notifier(id string) storage.Notifier {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notifiers[id]
}

func (m *memory) ListNotifiers(context.Context) ([]storage.Notifier, map[string]storage.NotifierStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ns := slices.SortedFunc(maps.Values(m.notifiers), func(a, b storage.Notifier) int { return cmp.Compare(a.Name, b.Name) })
	return ns, maps.Clone(m.statuses), m.broken["ListNotifiers"]
}

func (m *memory) PutNotifier(_ context.Context, n storage.Notifier) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken["PutNotifier"]; err != nil {
		return err
	}
	m.notifiers[n.ID] = n
	return nil
}

func (m *memory) DeleteNotifier(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.notifiers, id)
	maps.DeleteFunc(m.queue, func(_ string, n storage.Notification) bool { return n.NotifierID == id })
	return nil
}

func (m *memory) SetNotifierStatus(_ context.Context, id string, s storage.NotifierStatus) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statuses[id] = s
	return m.broken["SetNotifierStatus"]
}

func (m *memory) Enqueue(_ context.Context, ns []storage.Notification, groups []storage.NotifiedGroup, _ storage.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken["Enqueue"]; err != nil {
		return err
	}
	for _, n := range ns {
		m.queue[n.ID] = n
	}
	for _, g := range groups {
		key := [2]string{g.NotifierID, g.GroupKey}
		if g.Alerts == "" {
			delete(m.log, key)
			continue
		}
		m.log[key] = g
	}
	return nil
}

func (m *memory) PendingNotifications(_ context.Context, notifier string, limit int) ([]storage.Notification, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []storage.Notification
	for _, id := range slices.Sorted(maps.Keys(m.queue)) {
		if n := m.queue[id]; n.NotifierID == notifier && len(out) < limit {
			out = append(out, n)
		}
	}
	return out, m.broken["PendingNotifications"]
}

func (m *memory) FinishNotification(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken["FinishNotification"]; err != nil {
		return err
	}
	delete(m.queue, id)
	return nil
}

func (m *memory) PurgeNotifier(_ context.Context, notifier string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.queue)
	maps.DeleteFunc(m.queue, func(_ string, n storage.Notification) bool { return n.NotifierID == notifier })
	maps.DeleteFunc(m.log, func(key [2]string, _ storage.NotifiedGroup) bool { return key[0] == notifier })
	return before - len(m.queue), m.broken["PurgeNotifier"]
}

func (m *memory) NotifiedGroups(_ context.Context, key string) ([]storage.NotifiedGroup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []storage.NotifiedGroup
	for _, g := range m.log {
		if key == "" || g.GroupKey == key {
			out = append(out, g)
		}
	}
	return out, m.broken["NotifiedGroups"]
}

func (m *memory) NotifiedKeys(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make(map[string]bool)
	for k := range m.log {
		keys[k[1]] = true
	}
	return slices.Sorted(maps.Keys(keys)), m.broken["NotifiedKeys"]
}

func (m *memory) CountPending(context.Context) (map[string]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]int)
	for _, n := range m.queue {
		out[n.NotifierID]++
	}
	return out, m.broken["CountPending"]
}

// message decodes the only notification that waits for a notifier.
func (f *fixture) message(notifier string) receiver.Message {
	f.t.Helper()
	page, err := f.store.PendingNotifications(f.t.Context(), notifier, 10)
	require.NoError(f.t, err)
	require.Len(f.t, page, 1)
	var m receiver.Message
	require.NoError(f.t, json.Unmarshal([]byte(page[0].Payload), &m))
	return m
}
