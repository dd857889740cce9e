// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzAccept: whatever is written, what is accepted can be used, shows no secret, and is what it was when it is sent back as it was shown.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"loft":"a"}`, `{"loft":"a","ring":"SECRET"}`, `{"loft":"a","Ring":"SECRET"}`, `{"loft":"a","ring":"SECRET","ring":null}`,
		`{"loft":"a","ring_set":"SECRET"}`, `{"loft":"\u0000","pigeons":1e2}`, `[]`, `{"loft":"a","pigeons":-1,"whistle":"\ud800"}`, `{"loft":`,
	} {
		f.Add(seed, "")
		f.Add(`{"loft":"b"}`, seed)
	}
	types, err := NewTypes(TypeOf("pigeon", newPigeon))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, written, before string) {
		stored, err := types.Accept("pigeon", json.RawMessage(written), before)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "config"), "%v", err)
			return
		}
		n, err := types.Notifier("pigeon", stored)
		require.NoError(t, err)
		config := n.(pigeon).config
		require.NotEmpty(t, config.Loft)
		shown, err := types.Show("pigeon", stored)
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(shown, &got))
		require.NotContains(t, got, "ring")
		require.Equal(t, config.Ring != "", got["ring_set"])
		require.Equal(t, config.Whistle != "", got["whistle_set"])
		again, err := types.Accept("pigeon", shown, stored)
		require.NoError(t, err)
		require.Equal(t, stored, again)
	})
}

// mailConfig has a part that is an object, and a secret that must be given.
type mailConfig struct {
	To  []string `json:"to"`
	TLS struct {
		Verify bool   `json:"verify"`
		Name   string `json:"name"`
	} `json:"tls"`
	Password    string `json:"password" writeOnly:"true"`
	PasswordSet bool   `json:"password_set,omitempty" readOnly:"true"`
}

// mail is a notifier that fails when its config says so.
type mail struct{ config mailConfig }

func (m mail) Notify(_ context.Context, n Notification) error {
	if len(m.config.To) == 0 {
		return &Error{Err: fmt.Errorf("no recipient of %s", n.ID), Gone: true}
	}
	return nil
}

func newMail(c mailConfig) (Notifier, error) {
	if c.Password == "" {
		return nil, errors.New("password: missing")
	}
	return mail{c}, nil
}

// TestSecretThatIsNeeded: a new notifier needs it, a change does not, and it cannot be removed.
func TestSecretThatIsNeeded(t *testing.T) {
	types, err := NewTypes(TypeOf("mail", newMail))
	require.NoError(t, err)
	_, err = types.Accept("mail", json.RawMessage(`{"to":["a@x.example"]}`), "")
	require.EqualError(t, err, "config.password: missing")
	stored, err := types.Accept("mail", json.RawMessage(`{"to":["a@x.example"],"tls":{"verify":true,"name":"x"},"password":"p"}`), "")
	require.NoError(t, err)
	changed, err := types.Accept("mail", json.RawMessage(`{"to":["b@x.example"]}`), stored)
	require.NoError(t, err)
	require.JSONEq(t, `{"to":["b@x.example"],"tls":{"verify":false,"name":""},"password":"p"}`, changed)
	_, err = types.Accept("mail", json.RawMessage(`{"to":["b@x.example"],"password":""}`), stored)
	require.EqualError(t, err, "config.password: missing")
	_, err = types.Accept("mail", json.RawMessage(`{"to":"b@x.example"}`), stored)
	require.EqualError(t, err, "config.to: must be array, not string")
	_, err = types.Accept("mail", json.RawMessage(`{"tls":{"verify":1}}`), stored)
	require.EqualError(t, err, "config.tls.verify: must be boolean, not number")

	n, err := types.Notifier("mail", changed)
	require.NoError(t, err)
	require.NoError(t, n.Notify(t.Context(), Notification{ID: "1"}))
	n, err = types.Notifier("mail", `{"to":[],"password":"p"}`)
	require.NoError(t, err)
	answer, ok := errors.AsType[*Error](n.Notify(t.Context(), Notification{ID: "1"}))
	require.True(t, ok)
	require.True(t, answer.Gone)
	require.EqualError(t, answer, "no recipient of 1")
}

// TestTypesAreShared: requests and workers use one table at once.
func TestTypesAreShared(t *testing.T) {
	types := testTypes(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				stored, err := types.Accept("pigeon", fmt.Appendf(nil, `{"loft":"%d","ring":"r"}`, i), "")
				if err != nil || !strings.Contains(stored, fmt.Sprintf(`"loft":"%d"`, i)) {
					t.Errorf("accept: %s, %v", stored, err)
				}
				if _, err := types.Notifier("pigeon", stored); err != nil {
					t.Errorf("notifier: %v", err)
				}
			}
		})
	}
	wg.Wait()
}
