// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/signal"
)

// groups are fields that are groups, in forms that the decoder takes and others.
func groups() map[string][]byte {
	start := func(n protowire.Number) []byte { return protowire.AppendTag(nil, n, protowire.StartGroupType) }
	end := func(n protowire.Number) []byte { return protowire.AppendTag(nil, n, protowire.EndGroupType) }
	num := func(n protowire.Number) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), 5)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return map[string][]byte{
		"start alone":              start(99),
		"empty":                    join(start(99), end(99)),
		"empty, more behind":       join(start(99), end(99), num(98)),
		"other number at its end":  join(start(99), end(98), num(98)),
		"number within":            join(start(99), num(1), num(98)),
		"number within, then end":  join(start(99), num(1), end(99), num(98)),
		"text within":              join(start(99), nested(1, []byte("x")), num(98)),
		"text cut within":          join(start(99), []byte{0x0a, 9, 'x'}),
		"fixed within":             join(start(99), protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 1), num(98)),
		"fixed cut within":         join(start(99), protowire.AppendTag(nil, 1, protowire.Fixed32Type), []byte{1, 2}),
		"group within":             join(start(99), start(98), end(98), end(99), num(97)),
		"group within, end alone":  join(start(99), start(98), end(98), end(99)),
		"many within":              join(bytes.Repeat(start(99), 50), bytes.Repeat(end(99), 50), num(98)),
		"many starts":              bytes.Repeat(start(99), 50),
		"end alone":                end(99),
		"ends past the starts":     join(start(99), end(99), end(99), num(98)),
		"tag of no number within":  join(start(99), []byte{0x00}, num(98)),
		"tag cut within":           join(start(99), []byte{0x80}),
		"wire type of none within": join(start(99), []byte{0x0e, 0}),
		"known field as a group":   join(start(1), end(1), num(98)),
		"known field, text within": join(start(1), nested(1, nil), num(98)),
	}
}

func TestCheckGroups(t *testing.T) {
	for name, b := range groups() {
		for _, place := range [][]protowire.Number{{}, {1}, {1, 2}, {1, 2, 2}} {
			body := b
			for range place {
				body = nested(place[len(place)-1], body)
				place = place[:len(place)-1]
			}
			for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
				t.Run(string(of)+"/"+name, func(t *testing.T) { asDecoded(t, of, body) })
			}
		}
	}
}

// What an error says is enough to find the field.
func TestCheckErrors(t *testing.T) {
	record := func(b []byte) []byte { return nested(1, nested(2, nested(2, b))) }
	for message, body := range map[string][]byte{
		"field 5 has the wire type 0": record([]byte{5 << 3, 1}),
		"an id has 3 bytes":           record(nested(9, []byte{1, 2, 3})),
		"broken framing":              record([]byte{0x2a, 9}),
		"nested more than 200 deep":   record(nested(5, deepValue(150))),
	} {
		err := Check(signal.Logs, body)
		require.ErrorIs(t, err, ErrMalformed)
		require.ErrorContains(t, err, message)
	}
}

func deepValue(n int) []byte {
	var v []byte
	for range n {
		v = nested(6, nested(1, append(nested(1, []byte("k")), nested(2, v)...)))
	}
	return v
}

// The short way past well-formed values takes nothing that the long way refuses: every small change of an attribute is judged as decoded.
func TestCheckAttributes(t *testing.T) {
	value := map[string][]byte{
		"text": nested(1, []byte("v")), "number": {0x18, 7}, "large number": {0x18, 0xff, 0x7f}, "true": {0x10, 1}, "fraction": {0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, "bytes": nested(7, []byte{1}), "list": nested(5, nil), "nothing": {},
		"long text": nested(1, bytes.Repeat([]byte("x"), 130)),
	}
	for name, v := range value {
		for order, attribute := range map[string][]byte{
			"key first":   append(nested(1, []byte("k")), nested(2, v)...),
			"value first": append(nested(2, v), nested(1, []byte("k"))...),
			"key alone":   nested(1, []byte("k")),
			"long key":    append(nested(1, []byte(strings.Repeat("k", 200))), nested(2, v)...),
		} {
			t.Run(name+"/"+order, func(t *testing.T) {
				for i := range attribute {
					for _, change := range []byte{0x00, 0x01, 0x02, 0x08, 0x0a, 0x0b, 0x0c, 0x0f, 0x12, 0x18, 0x21, 0x7f, 0x80, 0xff} {
						b := bytes.Clone(attribute)
						b[i] = change
						asDecoded(t, signal.Logs, nested(1, nested(1, nested(1, b))))
						asDecoded(t, signal.Logs, nested(1, nested(2, nested(2, nested(6, b)))))
					}
					asDecoded(t, signal.Traces, nested(1, nested(2, nested(2, nested(9, attribute[:i])))))
				}
			})
		}
	}
}

// An error costs no more than the error: nothing of the body is kept.
func TestCheckStopsAtTheFirstError(t *testing.T) {
	broken := nested(1, nested(2, nested(2, []byte{0x2a, 9})))
	body := append(bytes.Clone(broken), bytes.Repeat(nested(1, nil), 10_000)...)
	few := testing.AllocsPerRun(10, func() { _ = Check(signal.Logs, broken) })
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() { _ = Check(signal.Logs, body) }), few)
}

// Check takes what the decoder takes, of any bytes.
func FuzzCheck(f *testing.F) {
	f.Add(logsBody(f))
	f.Add(tracesBody(f))
	for _, b := range groups() {
		f.Add(nested(1, nested(2, nested(2, b))))
	}
	f.Add(nested(1, nested(2, nested(2, nested(6, deepValue(20))))))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
			err := Check(of, body)
			if err != nil && strings.Contains(err.Error(), "nested more than") {
				require.Greater(t, len(body), MaxDepth, "a level is a byte at least")
				continue
			}
			asDecoded(t, of, body)
		}
	})
}
