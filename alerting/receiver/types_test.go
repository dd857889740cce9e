// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pigeonConfig is a config as types have it.
type pigeonConfig struct {
	Loft     string `json:"loft"`
	Pigeons  int    `json:"pigeons,omitempty"`
	Ring     string `json:"ring,omitempty" writeOnly:"true"`
	RingSet  bool   `json:"ring_set,omitempty" readOnly:"true"`
	Whistle  string `json:"whistle,omitempty" writeOnly:"true"`
	WhistSet bool   `json:"whistle_set,omitempty" readOnly:"true"`
	Night    bool   `json:"night"`
}

type pigeon struct{ config pigeonConfig }

func (p pigeon) Notify(context.Context, Notification) error { return nil }

func newPigeon(c pigeonConfig) (Notifier, error) {
	if c.Loft == "" {
		return nil, errors.New("loft: missing")
	}
	return pigeon{c}, nil
}

func testTypes(t *testing.T) Types {
	t.Helper()
	types, err := NewTypes(TypeOf("pigeon", newPigeon), TypeOf("drum", func(c struct {
		Beat int `json:"beat"`
	},
	) (Notifier, error) {
		return pigeon{}, nil
	}))
	require.NoError(t, err)
	return types
}

func TestTable(t *testing.T) {
	types := testTypes(t)
	require.Equal(t, []string{"drum", "pigeon"}, types.Names())
	require.Equal(t, pigeonConfig{}, types.Configs()["pigeon"])
	require.Len(t, types.Configs(), 2)
}

func TestTableRefuses(t *testing.T) {
	row := TypeOf("pigeon", newPigeon)
	anything := func(any) (Notifier, error) { return pigeon{}, nil }
	for name, tc := range map[string]struct {
		rows []Type
		want string
	}{
		"a name twice":     {[]Type{row, row}, `notifier type "pigeon" is in the table twice`},
		"an empty row":     {[]Type{{}}, "was not made by TypeOf"},
		"no struct":        {[]Type{TypeOf("text", func(string) (Notifier, error) { return anything("") })}, "must be a struct"},
		"an interface":     {[]Type{TypeOf("any", anything)}, "must be a struct"},
		"a nameless field": {[]Type{TypeOf("x", func(struct{ URL string }) (Notifier, error) { return anything("") })}, "field URL of the config has no JSON name"},
		"a secret that does not say whether it is set": {[]Type{TypeOf("x", func(struct {
			Token string `json:"token" writeOnly:"true"`
		},
		) (Notifier, error) {
			return anything("")
		})}, "need the read-only fields [token_set], it has []"},
		"a flag of nothing": {[]Type{TypeOf("x", func(struct {
			Token bool `json:"token_set" readOnly:"true"`
		},
		) (Notifier, error) {
			return anything("")
		})}, "need the read-only fields [], it has [token_set]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewTypes(tc.rows...)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestAccept(t *testing.T) {
	const before = `{"loft":"old","ring":"r-secret","whistle":"w-secret","night":true}`
	for _, tc := range []struct{ name, written, before, want string }{
		{"the least", `{"loft":"a"}`, "", `{"loft":"a","night":false}`},
		{"everything", `{"loft":"a","pigeons":3,"ring":"x","whistle":"y","night":true}`, "", `{"loft":"a","pigeons":3,"ring":"x","whistle":"y","night":true}`},
		{"secrets that are not named stay, the rest has its default", `{"loft":"a"}`, before, `{"loft":"a","ring":"r-secret","whistle":"w-secret","night":false}`},
		{"one is replaced, one stays", `{"loft":"a","ring":"x"}`, before, `{"loft":"a","ring":"x","whistle":"w-secret","night":false}`},
		{"one is removed", `{"loft":"a","ring":""}`, before, `{"loft":"a","whistle":"w-secret","night":false}`},
		{"null is nothing", `{"loft":"a","ring":null,"pigeons":null}`, before, `{"loft":"a","ring":"r-secret","whistle":"w-secret","night":false}`},
		{"what was shown comes back", `{"loft":"a","ring_set":false,"whistle_set":true}`, before, `{"loft":"a","ring":"r-secret","whistle":"w-secret","night":false}`},
		{"all secrets named where the stored ones are lost", `{"loft":"a","ring":"x","whistle":"y"}`, "{", `{"loft":"a","ring":"x","whistle":"y","night":false}`},
		{"the last of a key that is there twice", `{"loft":"a","loft":"b"}`, "", `{"loft":"b","night":false}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := testTypes(t).Accept("pigeon", []byte(tc.written), tc.before)
			require.NoError(t, err)
			require.JSONEq(t, tc.want, got)
		})
	}
}

func TestAcceptRefuses(t *testing.T) {
	for _, tc := range []struct{ typ, written, before, want string }{
		{"swift", `{}`, "", `type: "swift" is none of drum, pigeon`},
		{"pigeon", `{}`, "", "config.loft: missing"},
		{"pigeon", `{"loft":"a","colour":"grey"}`, "", "config.colour: unknown; the keys are loft, night, pigeons, ring, whistle"},
		{"pigeon", `{"loft":"a","Ring":"x"}`, "", "config.Ring: unknown; the keys are loft, night, pigeons, ring, whistle"},
		{"pigeon", `{"loft":7}`, "", "config.loft: must be string, not number"},
		{"pigeon", `{"loft":"a","night":"yes"}`, "", "config.night: must be boolean, not string"},
		{"pigeon", `{"loft":"a","ring":{"x":1}}`, "", "config.ring: must be string, not object"},
		{"pigeon", `[]`, "", "config: must be an object with the keys loft, night, pigeons, ring, whistle"},
		{"pigeon", `null`, "", "config: must be an object with the keys loft, night, pigeons, ring, whistle"},
		{"pigeon", `{"loft":`, "", "config: must be an object with the keys loft, night, pigeons, ring, whistle"},
		{"pigeon", `{"loft":"a","ring":"x"}`, "{", "config.whistle: must be given again, the stored one is not readable"},
		{"drum", `{"loft":"a"}`, "", "config.loft: unknown; the keys are beat"},
	} {
		t.Run(tc.written, func(t *testing.T) {
			_, err := testTypes(t).Accept(tc.typ, []byte(tc.written), tc.before)
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestShow(t *testing.T) {
	types := testTypes(t)
	for stored, want := range map[string]string{
		`{"loft":"a","ring":"r-secret","night":true}`:               `{"loft":"a","night":true,"ring_set":true,"whistle_set":false}`,
		`{"loft":"a","ring":"","whistle":null}`:                     `{"loft":"a","ring_set":false,"whistle_set":false}`,
		`{"loft":"a","Ring":"r-secret","other":"secret of others"}`: `{"loft":"a","ring_set":false,"whistle_set":false}`,
	} {
		got, err := types.Show("pigeon", stored)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
		require.NotContains(t, string(got), "secret")
	}
	_, err := types.Show("swift", `{}`)
	require.ErrorContains(t, err, "swift")
	_, err = types.Show("pigeon", `{"ring":"r-secret`)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "r-secret")
}

// TestShownIsAcceptedAgain: whoever edits what was shown changes nothing else.
func TestShownIsAcceptedAgain(t *testing.T) {
	types := testTypes(t)
	stored, err := types.Accept("pigeon", []byte(`{"loft":"a","ring":"r","pigeons":2}`), "")
	require.NoError(t, err)
	shown, err := types.Show("pigeon", stored)
	require.NoError(t, err)
	again, err := types.Accept("pigeon", shown, stored)
	require.NoError(t, err)
	require.Equal(t, stored, again)
}

func TestNotifier(t *testing.T) {
	types := testTypes(t)
	n, err := types.Notifier("pigeon", `{"loft":"a","ring":"r","night":true}`)
	require.NoError(t, err)
	require.Equal(t, pigeon{pigeonConfig{Loft: "a", Ring: "r", Night: true}}, n)
	for typ, stored := range map[string]string{"swift": `{}`, "pigeon": `{}`, "drum": `{"beat":"x"}`} {
		_, err := types.Notifier(typ, stored)
		require.Error(t, err, typ)
		require.True(t, strings.HasPrefix(err.Error(), "type: ") || strings.HasPrefix(err.Error(), "config."), "%v", err)
	}
}

func TestError(t *testing.T) {
	cause := errors.New("receiver answered 503")
	var err error = &Error{Err: cause, Status: 503}
	require.EqualError(t, err, "receiver answered 503")
	require.ErrorIs(t, err, cause)
}
