// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// attributesOf are those of a map, as they are on the wire.
func attributesOf(t *testing.T, m pcommon.Map) Attributes {
	t.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	m.CopyTo(rl.Resource().Attributes())
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	var out Attributes
	each := Each{
		Resource: func(r *Resource) error { out = append(out, r.Attributes...); return nil },
		Scope:    func(*Scope) error { return nil },
		Record:   func([]byte) error { return nil },
	}
	require.NoError(t, each.Of(body))
	return out
}

func everyKind() pcommon.Map {
	m := pcommon.NewMap()
	m.PutStr("text", "订单")
	m.PutInt("int", -7)
	m.PutBool("bool", true)
	m.PutDouble("double", 1.5)
	m.PutEmpty("empty")
	m.PutEmptyBytes("bytes").FromRaw([]byte{1, 2})
	m.PutEmptySlice("list").AppendEmpty().SetStr("x")
	m.PutEmptyMap("map").PutInt("y", 1)
	return m
}

// TestText: the text of each kind of value is the one that the decoded form has, in a column and by itself.
func TestText(t *testing.T) {
	m := everyKind()
	var column, want native.String
	for _, attr := range attributesOf(t, m) {
		key, v := wire.Attribute(attr)
		decoded, ok := m.Get(string(key))
		require.True(t, ok)
		text, err := Text(&v)
		require.NoError(t, err)
		require.Equal(t, decoded.AsString(), text, string(key))
		require.NoError(t, AppendValue(&column, &v))
		want.AppendValue(decoded)
	}
	require.Equal(t, want, column)
}

// TestUnreadableValue: a value that cannot be decoded for its text is an error, not an empty text.
func TestUnreadableValue(t *testing.T) {
	v := wire.Value{Kind: pcommon.ValueTypeMap, Bytes: []byte{0x0a, 0xff}}
	_, err := Text(&v)
	require.ErrorContains(t, err, "decode a value")
	require.Error(t, AppendValue(&native.String{}, &v))
	bad := Attributes{clickhousetest.Field(1, []byte("k")), append(clickhousetest.Field(1, []byte("k")), clickhousetest.Field(2, []byte{0x32, 0x02, 0x0a, 0xff})...)}
	_, err = bad.Append(&native.Map{})
	require.Error(t, err)
	_, err = Attributes{{0xff}}.Decode()
	require.ErrorContains(t, err, "decode attributes")
}

func TestAttributes(t *testing.T) {
	m := everyKind()
	attrs := attributesOf(t, m)
	decoded, err := attrs.Decode()
	require.NoError(t, err)
	require.Equal(t, m.AsRaw(), decoded.AsRaw())
	row, err := attrs.Append(&native.Map{})
	require.NoError(t, err)
	require.Equal(t, Row{Maps: true}, row)
	require.Len(t, attrs.Unique(), len(attrs))
	twice := Attributes{attrs[0], attrs[1], attrs[0]}
	row, err = twice.Append(&native.Map{})
	require.NoError(t, err)
	require.Equal(t, Row{Twice: true}, row)
	require.Equal(t, Attributes{attrs[1], attrs[0]}, twice.Unique())
	row, err = Attributes(nil).Append(&native.Map{})
	require.NoError(t, err)
	require.Zero(t, row)
}

// TestEachEnds at the first error, and tells nothing of a resource without scopes.
func TestEachEnds(t *testing.T) {
	record := clickhousetest.Field(2, clickhousetest.Field(2, []byte("r")))
	body := append(clickhousetest.Field(1, clickhousetest.AttributeField(1, "a", "b")), clickhousetest.Field(1, record, record)...)
	stop := errors.New("stop")
	for name, told := range map[string]int{"resource": 1, "scope": 2, "record": 3, "": 5} {
		n := 0
		at := func(here string) error {
			n++
			if here == name {
				return stop
			}
			return nil
		}
		each := Each{
			Resource: func(*Resource) error { return at("resource") },
			Scope:    func(*Scope) error { return at("scope") },
			Record:   func(r []byte) error { require.Equal(t, "r", string(r)); return at("record") },
		}
		err := each.Of(body)
		require.Equal(t, told, n, name)
		require.Equal(t, name != "", errors.Is(err, stop))
	}
}
