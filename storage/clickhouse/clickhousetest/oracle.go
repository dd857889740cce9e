// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/storage/clickhouse/native"
)

// The blocks that are made of bytes are compared with those of the decoded form; this file has what both signals need for that.

// AppendMap appends attributes as a row, of a key that is there twice the last, which is what columns of attributes have.
func AppendMap(c *native.Map, m pcommon.Map) {
	last, n := map[string]int{}, 0
	start := c.Begin()
	for k, v := range m.All() {
		last[k] = n
		n++
		c.PutValue(k, v)
	}
	if c.End(start) {
		return
	}
	n = 0
	for k, v := range m.All() {
		if last[k] == n {
			c.PutValue(k, v)
		}
		n++
	}
	c.End(start)
}

// BytesOf is an encoded block.
func BytesOf(tb testing.TB, b *native.Block) []byte {
	tb.Helper()
	var e native.Encoding
	b.Encode(&e)
	out, err := io.ReadAll(e.Reader())
	require.NoError(tb, err)
	require.Len(tb, out, e.Len())
	return out
}

// RandomAttributes puts some attributes of every kind of value into m, with keys that columns are made of and others.
func RandomAttributes(r *rand.Rand, m pcommon.Map) { randomAttributes(r, m, 0) }

func randomAttributes(r *rand.Rand, m pcommon.Map, depth int) {
	keys := []string{
		"http.request.method", "http.route", "http.response.status_code", "http.status_code", "db.system", "db.name", "rpc.system", "messaging.system",
		"peer.service", "server.address", "service.name", "host.name", "deployment.environment", "telemetry.sdk.language", "a", "", "b.c",
	}
	for range r.IntN(8) {
		randomValue(r, m.PutEmpty(keys[r.IntN(len(keys))]), depth)
	}
}

// RandomValue sets a value of some kind.
func RandomValue(r *rand.Rand, v pcommon.Value) { randomValue(r, v, 0) }

func randomValue(r *rand.Rand, v pcommon.Value, depth int) {
	const deepest = 3
	switch r.IntN(14) {
	case 0: // Empty.
	case 1:
		v.SetBool(r.IntN(2) == 0)
	case 2:
		v.SetDouble([]float64{0, -1.5, 1e300, math.Inf(1), math.NaN()}[r.IntN(5)])
	case 3:
		v.SetEmptyBytes().FromRaw([]byte{1, 2, 0})
	case 4:
		for s := v.SetEmptySlice(); depth < deepest && s.Len() < r.IntN(4); {
			randomValue(r, s.AppendEmpty(), depth+1)
		}
	case 5:
		if m := v.SetEmptyMap(); depth < deepest {
			randomAttributes(r, m, depth+1)
		}
	case 6, 7, 8:
		v.SetInt([]int64{-1, 0, 200, 70_000, r.Int64()}[r.IntN(5)])
	default:
		v.SetStr([]string{"", "GET", "204", "订单", strconv.Itoa(r.IntN(1000))}[r.IntN(5)])
	}
}

// Field is a field of protobuf with parts one behind the other: a text, or a message.
func Field(number protowire.Number, parts ...[]byte) []byte {
	var in []byte
	for _, p := range parts {
		in = append(in, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), in)
}

// AttributeField is a field with an attribute whose value is a text.
func AttributeField(number protowire.Number, key, value string) []byte {
	return Field(number, Field(1, []byte(key)), Field(2, Field(1, []byte(value))))
}
