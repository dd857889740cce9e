// SPDX-License-Identifier: Apache-2.0

package selfmon

import (
	"context"
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"time"
)

// readable hands records on with attributes that people read: what the bridge to OpenTelemetry has no type for would arrive as "unhandled: (config.Role) all",
// durations and times as counts of nanoseconds.
type readable struct{ slog.Handler }

// Handle implements slog.Handler.
func (h readable) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(readableAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, out) // A handler in between.
}

// WithAttrs implements slog.Handler.
func (h readable) WithAttrs(attrs []slog.Attr) slog.Handler {
	return readable{h.Handler.WithAttrs(readableAttrs(attrs))}
}

// WithGroup implements slog.Handler.
func (h readable) WithGroup(name string) slog.Handler { return readable{h.Handler.WithGroup(name)} }

func readableAttrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = readableAttr(a)
	}
	return out
}

func readableAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindDuration:
		return slog.String(a.Key, v.Duration().String())
	case slog.KindTime:
		return slog.String(a.Key, v.Time().Format(time.RFC3339Nano))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(readableAttrs(v.Group())...)}
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: readableAny(v.Any())}
	default:
		return slog.Attr{Key: a.Key, Value: v}
	}
}

// readableAny prefers what a type says of itself over what it consists of.
func readableAny(v any) slog.Value {
	if v == nil {
		return slog.StringValue("")
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && rv.IsNil() { // Its methods may not expect it.
		return slog.StringValue("")
	}
	switch v := v.(type) {
	case error:
		return slog.StringValue(v.Error())
	case fmt.Stringer:
		return slog.StringValue(v.String())
	case encoding.TextMarshaler:
		if b, err := v.MarshalText(); err == nil {
			return slog.StringValue(string(b))
		}
	case []byte:
		return slog.StringValue(string(v))
	}
	switch rv.Kind() {
	case reflect.String:
		return slog.StringValue(rv.String())
	case reflect.Bool:
		return slog.BoolValue(rv.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return slog.Int64Value(rv.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return slog.Uint64Value(rv.Uint())
	case reflect.Float32, reflect.Float64:
		return slog.Float64Value(rv.Float())
	default:
		return slog.StringValue(fmt.Sprintf("%+v", v))
	}
}
