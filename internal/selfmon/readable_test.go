// SPDX-License-Identifier: Apache-2.0

package selfmon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

type role string

type pair struct{ A, B int }

// collected keeps what the bridge makes of records.
type collected struct{ attrs map[string]string }

func (c *collected) OnEmit(_ context.Context, r *sdklog.Record) error {
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		c.attrs[string(kv.Key)] = kv.Value.String()
		return true
	})
	return nil
}
func (*collected) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (*collected) Shutdown(context.Context) error                         { return nil }
func (*collected) ForceFlush(context.Context) error                       { return nil }

// TestAttributesAreReadable sends values of every kind through the real bridge to OpenTelemetry.
func TestAttributesAreReadable(t *testing.T) {
	got := &collected{attrs: map[string]string{}}
	h := NewHandler(&bytes.Buffer{}, slog.LevelInfo)
	logger := slog.New(h).With("part_role", role("all"))
	h.Tee(otelslog.NewHandler("test", otelslog.WithLoggerProvider(sdklog.NewLoggerProvider(sdklog.WithProcessor(got)))))
	var nothing *netip.Addr
	logger.Info("x", "role", role("all"), "after", 1500*time.Millisecond, "at", time.Unix(0, 5).UTC(), "err", errors.New("no disk"), "addr", netip.MustParseAddr("10.0.0.1"),
		"pair", pair{1, 2}, "list", []string{"a", "b"}, "nil", nil, "none", nothing, "n", 7, "u", uint8(3), "raw", []byte("text"), "level", slog.LevelWarn)
	require.Equal(t, map[string]string{
		"part_role": "all", "role": "all", "after": "1.5s", "at": "1970-01-01T00:00:00.000000005Z", "err": "no disk", "addr": "10.0.0.1", "pair": "{A:1 B:2}",
		"list": "[a b]", "nil": "", "none": "", "n": "7", "u": "3", "raw": "text", "level": "WARN",
	}, got.attrs)
}
