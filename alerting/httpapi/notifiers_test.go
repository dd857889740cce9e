// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/httpx/openapi"
	"github.com/strata-apm/strata/storage"
)

// add creates a webhook that may reach loopback. more are keys of its config and their values.
func (f *fixture) add(name, url string, more ...string) notifierJSON {
	f.t.Helper()
	config := map[string]any{"url": url, "allow_private": true}
	for i := 0; i+1 < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	w := f.do("POST", "/notifiers", map[string]any{"name": name, "type": "webhook", "config": config})
	require.Equal(f.t, 201, w.Code, w.Body)
	return decode[notifierJSON](f.t, w)
}

func (f *fixture) list() notifiersAnswer {
	f.t.Helper()
	w := f.do("GET", "/notifiers", "")
	require.Equal(f.t, 200, w.Code, w.Body)
	return decode[notifiersAnswer](f.t, w)
}

// stored is the only notifier as the catalog has it.
func (f *fixture) stored() storage.Notifier {
	f.t.Helper()
	ns, _, err := f.cat.Catalog.ListNotifiers(f.t.Context())
	require.NoError(f.t, err)
	require.Len(f.t, ns, 1)
	return ns[0]
}

func TestNotifiersAreKept(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, notifiersAnswer{Notifiers: []notifierJSON{}, Warnings: []string{}}, f.list())
	n := f.add("n", "https://x.example/hook", "secret", "0123456789abcdef")
	require.JSONEq(t, `{"url":"https://x.example/hook","allow_private":true,"secret_set":true}`, string(n.Config))
	require.Equal(t, []string{"n", "webhook", "never", ""}, []string{n.Name, n.Type, n.LastStatus, n.LastError})
	require.True(t, n.Enabled)
	require.True(t, n.SendResolved)
	w := f.do("GET", "/notifiers", "")
	require.NotContains(t, w.Body.String(), "0123456789abcdef")
	require.Contains(t, w.Body.String(), `"last_attempt":null`)
	require.Equal(t, []notifierJSON{n}, f.list().Notifiers)
	require.Contains(t, f.refused(409, f.do("POST", "/notifiers", map[string]any{"name": "n", "type": "webhook", "config": map[string]any{"url": "https://x.example"}})), "name is taken")

	n.Name = "renamed"
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+n.ID, n).Code, "an answer can be edited and sent back")
	require.Equal(t, "renamed", f.stored().Name)
	require.JSONEq(t, `{"url":"https://x.example/hook","secret":"0123456789abcdef","allow_private":true}`, f.stored().Config, "the secret stays")
	require.Equal(t, 204, f.do("DELETE", "/notifiers/"+n.ID, "").Code)
	require.Equal(t, 404, f.do("DELETE", "/notifiers/"+n.ID, "").Code)
	require.Empty(t, f.list().Notifiers)
	require.Equal(t, []string{"notifiers", "notifiers", "notifiers"}, f.changes, "of what is stored, and of nothing else")
}

func TestChangeOfAConfig(t *testing.T) {
	f := newFixture(t)
	id := f.add("n", "https://x.example", "secret", "0123456789abcdef").ID
	put := func(body string) notifierJSON {
		t.Helper()
		w := f.do("PUT", "/notifiers/"+id, body)
		require.Equal(t, 200, w.Code, w.Body)
		return decode[notifierJSON](t, w)
	}
	n := put(`{"name":"n","type":"webhook","config":{"url":"https://y.example"},"send_resolved":false}`)
	require.JSONEq(t, `{"url":"https://y.example","allow_private":false,"secret_set":true}`, string(n.Config), "what is missing has its default, except the secret")
	require.False(t, n.SendResolved)
	require.Contains(t, f.stored().Config, "0123456789abcdef")
	n = put(`{"name":"n","type":"webhook","config":{"url":"https://y.example","secret":"another secret"}}`)
	require.JSONEq(t, `{"url":"https://y.example","allow_private":false,"secret_set":true}`, string(n.Config))
	require.Contains(t, f.stored().Config, "another secret")
	n = put(`{"name":"n","type":"webhook","config":{"url":"https://y.example","secret":""}}`)
	require.JSONEq(t, `{"url":"https://y.example","allow_private":false,"secret_set":false}`, string(n.Config))
	require.True(t, n.SendResolved)
	created := f.stored().CreatedAt
	require.WithinDuration(t, time.Now(), created, time.Minute)
	require.Equal(t, 404, f.do("PUT", "/notifiers/none", n).Code)
}

// TestChangeOfAType takes no secret of the old type along.
func TestChangeOfAType(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.cat.PutNotifier(t.Context(), storage.Notifier{ID: "1", Name: "n", Type: "pigeon", Config: `{"secret":"of the pigeon","url":"x"}`}))
	require.Equal(t, 200, f.do("PUT", "/notifiers/1", `{"name":"n","type":"webhook","config":{"url":"https://x.example"}}`).Code)
	require.JSONEq(t, `{"url":"https://x.example","allow_private":false}`, f.stored().Config)
}

func TestNotifiersRefused(t *testing.T) {
	f := newFixture(t)
	const moved = `moved into config: {"name": …, "type": "webhook", "config": {"url": …`
	for body, want := range map[string]string{
		`{`:                  "body: ",
		`[]`:                 "body: ",
		`{"name":"a"} {}`:    "something follows",
		`{"type":"webhook"}`: "name: must have 1 to 100 characters",
		`{"name":" a"}`:      "no space around it",
		`{"name":"` + strings.Repeat("é", 101) + `"}`: "name: must have",
		`{"name":"a"}`:                                "type: missing; the types are webhook",
		`{"name":"a","type":"pigeon"}`:                "type: unknown; the types are webhook",
		`{"name":"a","type":"webhook"}`:               "config: missing",
		`{"name":"a","type":"webhook","config":null}`: "config: must be an object with the keys allow_private, secret, url",
		`{"name":"a","type":"webhook","config":{}}`:   "config.url: missing",
		`{"name":"a","type":"webhook","config":{"url":"https://x.example","colour":"red"}}`:        "config.colour: unknown; the keys are allow_private, secret, url",
		`{"name":"a","type":"webhook","config":{"url":"https://x.example","secret":"short"}}`:      "config.secret: ",
		`{"name":"a","type":"webhook","config":{"url":"ftp://x.example"}}`:                         "config.url: ",
		`{"name":"a","type":"webhook","config":{"url":"http://127.0.0.1/"}}`:                       "allow_private",
		`{"name":"a","type":"webhook","config":{"url":"http://169.254.169.254/"}}`:                 "allow_private",
		`{"name":"a","type":"webhook","config":{"url":"http://[::1]/"}}`:                           "allow_private",
		`{"name":"a","type":"webhook","config":{"url":"http://[::ffff:10.0.0.1]/"}}`:               "allow_private",
		`{"name":"a","type":"webhook","config":{"url":"https://x.example"},"colour":"red"}`:        "colour",
		`{"name":"a","url":"https://x.example"}`:                                                   "url: " + moved,
		`{"name":"a","type":"webhook","url":"u","secret":"s","allow_private":true,"enabled":true}`: "url, secret, allow_private: " + moved,
	} {
		require.Contains(t, f.refused(400, f.do("POST", "/notifiers", body)), want, body)
	}
	require.Equal(t, 413, f.do("POST", "/notifiers", `{"name":"`+strings.Repeat("x", maxBody)+`"}`).Code)
	require.Empty(t, f.list().Notifiers)
	require.Empty(t, f.changes)
}

// TestRefusedFields are named for programs too: the page shows what is wrong beside the field.
func TestRefusedFields(t *testing.T) {
	f := newFixture(t)
	for body, field := range map[string]string{
		`{"name":""}`: "name", `{"name":"a"}`: "type", `{"name":"a","type":"webhook"}`: "config",
		`{"name":"a","type":"webhook","config":{"url":"http://10.0.0.1/"}}`:                       "config.url",
		`{"name":"a","type":"webhook","config":{"url":"https://x.example","secret":"short"}}`:     "config.secret",
		`{"name":"a","type":"webhook","config":{"url":"https://x.example","allow_private":"no"}}`: "config.allow_private",
	} {
		got := decode[struct {
			Error struct{ Details struct{ Field string } }
		}](t, f.do("POST", "/notifiers", body))
		require.Equal(t, field, got.Error.Details.Field, body)
	}
}

func TestSwitchedOffAndOn(t *testing.T) {
	f := newFixture(t)
	n := f.add("n", "https://x.example")
	queue := func() {
		require.NoError(t, f.cat.Enqueue(t.Context(), []storage.Notification{{ID: "1", NotifierID: n.ID, Payload: "{}"}}, nil, storage.Lease{}))
	}
	queue()
	require.Equal(t, 1, f.list().Notifiers[0].Pending)
	w := f.do("PUT", "/notifiers/"+n.ID, n)
	require.Equal(t, 1, decode[notifierJSON](t, w).Pending, "a change that is none drops nothing")
	n.Enabled = false
	w = f.do("PUT", "/notifiers/"+n.ID, n)
	require.Zero(t, decode[notifierJSON](t, w).Pending)
	require.Equal(t, 1, f.dropped)
	queue()
	n.Enabled = true
	require.Zero(t, decode[notifierJSON](t, f.do("PUT", "/notifiers/"+n.ID, n)).Pending, "what a decision under way left behind")

	queue()
	f.cat.purge, n.Enabled = storage.ErrUnavailable, false
	w = f.do("PUT", "/notifiers/"+n.ID, n)
	require.Equal(t, 200, w.Code, "the change is stored")
	require.Equal(t, 1, decode[notifierJSON](t, w).Pending)
}

func TestTestOfANotifier(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	id := f.add("pager", s.URL).ID
	try := func() testAnswer { return decode[testAnswer](t, f.do("POST", "/notifiers/"+id+"/test", "")) }
	require.Equal(t, testAnswer{OK: true}, try())
	require.Equal(t, []string{"pager", receiver.StatusFiring}, []string{s.all()[0].Receiver, s.all()[0].Status})
	n := f.list().Notifiers[0]
	require.Equal(t, "ok", n.LastStatus)
	require.WithinDuration(t, time.Now(), *n.LastAttempt, time.Minute)

	s.respond(500)
	require.Equal(t, testAnswer{Error: "receiver answered 500"}, try())
	n = f.list().Notifiers[0]
	require.Equal(t, []string{"failing", "receiver answered 500"}, []string{n.LastStatus, n.LastError})
	require.Zero(t, n.Pending, "it goes past the queue")
	require.Len(t, s.all(), 2, "and is sent once")
	s.respond(410)
	require.False(t, try().OK)
	require.True(t, f.list().Notifiers[0].Enabled, "a test disables nothing")
	require.Equal(t, 404, f.do("POST", "/notifiers/none/test", "").Code)
}

// TestRowsOfAnotherProgram: what this one does not know is shown as far as that is safe, says so, and can be replaced.
func TestRowsOfAnotherProgram(t *testing.T) {
	f := newFixture(t)
	for id, n := range map[string]storage.Notifier{
		"1": {Name: "a", Type: "pigeon", Config: `{"ring":"hidden"}`}, "2": {Name: "b", Type: "webhook", Config: `{"url":"hidden`},
	} {
		n.ID = id
		require.NoError(t, f.cat.PutNotifier(t.Context(), n))
	}
	list := f.list()
	require.Len(t, list.Notifiers, 2)
	require.Equal(t, []string{`notifier a: type: "pigeon" is none of webhook`, "notifier b: config: what is stored is not readable"}, list.Warnings)
	for _, n := range list.Notifiers {
		require.JSONEq(t, "{}", string(n.Config))
	}
	require.Contains(t, f.do("POST", "/notifiers/1/test", "").Body.String(), `pigeon`)
	require.Contains(t, f.refused(400, f.do("PUT", "/notifiers/2", `{"name":"b","type":"webhook","config":{"url":"https://x.example"}}`)), "config.secret: must be given again")
	require.Equal(t, 200, f.do("PUT", "/notifiers/2", `{"name":"b","type":"webhook","config":{"url":"https://x.example","secret":""}}`).Code)
}

func TestCatalogAway(t *testing.T) {
	f := newFixture(t)
	n := f.add("n", "https://x.example")
	f.changes = nil
	for _, tc := range []struct {
		name    string
		fault   func(error)
		request [2]string
	}{
		{"list", func(err error) { f.cat.read = err }, [2]string{"GET", "/notifiers"}},
		{"count", func(err error) { f.cat.count = err }, [2]string{"GET", "/notifiers"}},
		{"find", func(err error) { f.cat.read = err }, [2]string{"PUT", "/notifiers/" + n.ID}},
		{"find to test", func(err error) { f.cat.read = err }, [2]string{"POST", "/notifiers/" + n.ID + "/test"}},
		{"change", func(err error) { f.cat.write = err }, [2]string{"PUT", "/notifiers/" + n.ID}},
		{"create", func(err error) { f.cat.write = err }, [2]string{"POST", "/notifiers"}},
	} {
		for err, status := range map[error]int{
			storage.ErrUnavailable: 503, storage.ErrInvalid: 400, storage.ErrConflict: 409, storage.ErrNotFound: 404, errors.New("driver: password"): 500,
		} {
			tc.fault(err)
			w := f.do(tc.request[0], tc.request[1], n)
			require.NotContains(t, f.refused(status, w), "password", tc.name)
		}
		tc.fault(nil)
	}
	require.Empty(t, f.changes)
}

// TestDocument: the API's document has the config of each type.
func TestDocument(t *testing.T) {
	doc, err := openapi.Document(newFixture(t).api.Routes())
	require.NoError(t, err)
	b, err := json.Marshal(doc)
	require.NoError(t, err)
	var got struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Enum      []string
					AnyOf     []map[string]string
					WriteOnly bool
					ReadOnly  bool
				}
				Required []string
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &got))
	for _, name := range []string{"NotifierBody", "NotifierJSON"} {
		s := got.Components.Schemas[name]
		require.Equal(t, []string{"webhook"}, s.Properties["type"].Enum)
		require.Equal(t, []map[string]string{{"$ref": "#/components/schemas/WebhookConfig"}}, s.Properties["config"].AnyOf)
	}
	config := got.Components.Schemas["WebhookConfig"]
	require.Equal(t, []string{"url"}, config.Required)
	require.True(t, config.Properties["secret"].WriteOnly)
	require.True(t, config.Properties["secret_set"].ReadOnly)
}
