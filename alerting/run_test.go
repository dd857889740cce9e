// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestNewNeedsItsOptions(t *testing.T) {
	for name, leaveOut := range map[string]func(*Options){
		"engine": func(o *Options) { o.Engine = nil }, "queryable": func(o *Options) { o.Queryable = nil }, "appendable": func(o *Options) { o.Appendable = nil },
		"rules": func(o *Options) { o.Store.Rules = nil }, "notifiers": func(o *Options) { o.Store.Notifiers = nil }, "queue": func(o *Options) { o.Store.Queue = nil },
		"log": func(o *Options) { o.Store.Log = nil }, "logger": func(o *Options) { o.Logger = nil },
	} {
		t.Run(name, func(t *testing.T) {
			opts := newFixture(t).opts
			leaveOut(&opts)
			_, err := New(opts)
			require.EqualError(t, err, "alerting: an option is missing")
		})
	}
}

func TestNewTwiceOnOneRegistry(t *testing.T) {
	opts := newFixture(t).opts
	opts.Registerer = prometheus.NewRegistry()
	_, err := New(opts)
	require.NoError(t, err)
	_, err = New(opts)
	require.ErrorContains(t, err, "register metrics")
}

// TestRunNeedsTheCatalog: a start without the rules is none; nothing is evaluated, and nothing resolved.
func TestRunNeedsTheCatalog(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Store.Rules = &flakyRules{err: storage.ErrUnavailable} })
	require.ErrorIs(t, f.Run(t.Context()), storage.ErrUnavailable)
	require.False(t, f.Ready())
}

// TestRunThatIsStoppedAtOnce: the groups that were loaded by then end with it (TestMain looks for what is left).
func TestRunThatIsStoppedAtOnce(t *testing.T) {
	flaky := &flakyNotifiers{}
	f := newFixture(t, func(o *Options) {
		o.BuiltIn = map[string]string{"x": "groups:\n- {name: g, rules: [{alert: One, expr: vector(1)}]}\n"}
		flaky.NotifierStore, o.Store.Notifiers = o.Store.Notifiers, flaky
	})
	require.ErrorIs(t, f.Run(t.Context()), storage.ErrUnavailable)
	require.NotEmpty(t, f.Manager().RuleGroups())
	require.False(t, f.Ready())
}

// flakyNotifiers is a catalog that is away once the rules have been read.
type flakyNotifiers struct{ storage.NotifierStore }

// ListNotifiers implements storage.NotifierStore.
func (flakyNotifiers) ListNotifiers(context.Context) ([]storage.Notifier, map[string]storage.NotifierStatus, error) {
	return nil, nil, storage.ErrUnavailable
}

// TestReloadBeforeRun: a SIGHUP that comes early waits for nothing and changes nothing.
func TestReloadBeforeRun(t *testing.T) {
	f := newFixture(t)
	f.group(simpleGroup)
	require.NoError(t, f.Reload(t.Context()))
	require.Empty(t, f.Manager().RuleGroups())
	f.start()
	require.NotNil(t, f.rule("Broken"))
	require.Empty(t, f.Warnings())
}

// TestChangeThatIsNotEffective: the change is stored, the reload fails, and the next look at the files makes up for it.
func TestChangeThatIsNotEffective(t *testing.T) {
	flaky := &flakyRules{}
	f := newFixture(t, func(o *Options) { flaky.RuleStore, o.Store.Rules = o.Store.Rules, flaky })
	f.start()
	flaky.fail(errors.New("away"))
	f.group(simpleGroup)
	require.Nil(t, f.rule("Broken"))
	flaky.fail(nil)
	f.eventually("loaded", func() bool { return f.rule("Broken") != nil })
}

// TestSwitchedOff: what waits for a notifier that is switched off is dropped and counted, and switched on it hears what fires.
func TestSwitchedOff(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	s.respond(refuse)
	f.start()
	id := f.webhook("n", s.URL)
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("waits", func() bool { return f.notifier(id).Pending == 1 })
	n := f.notifier(id)
	n.Enabled = false
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+id, n).Code)
	require.Zero(t, f.notifier(id).Pending)
	require.InDelta(t, 1, f.metric("strata_alerting_notifications_dropped_total"), 0)
	s.respond(nil)
	n.Enabled = true
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+id, n).Code)
	f.eventually("delivered", func() bool { return f.notifier(id).LastStatus == "ok" })
}

// TestRefusedAtDial is row 51 through the whole pipeline: a name is only known to be loopback when it is dialled.
func TestRefusedAtDial(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	w := f.do("POST", "/notifiers", map[string]any{
		"name": "n", "type": "webhook", "config": map[string]any{"url": strings.Replace(s.URL, "127.0.0.1", "localhost", 1)},
	})
	require.Equal(t, 201, w.Code, w.Body)
	id := decode[notifier](t, w).ID
	test := decode[struct {
		OK    bool
		Error string
	}](t, f.do("POST", "/notifiers/"+id+"/test", ""))
	require.False(t, test.OK)
	require.Contains(t, test.Error, "not allowed")
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("failing and shown", func() bool { n := f.notifier(id); return n.LastStatus == "failing" && n.Pending == 1 })
	require.Empty(t, s.all())
}

// TestNewNotifierHears what fires already, without waiting for the next change.
func TestNewNotifierHears(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("fires", func() bool {
		r := f.rule("Broken")
		return r != nil && len(r.ActiveAlerts()) == 1 && !r.ActiveAlerts()[0].LastSentAt.IsZero()
	})
	f.webhook("late", s.URL)
	f.eventually("told", func() bool { return len(s.all()) == 1 })
}
