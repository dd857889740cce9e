// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var exporterID = component.MustNewID("otlp_grpc")

// openStore starts the extension on a directory, as a collector does.
func openStore(t *testing.T, state *State, dir string) (storage.Extension, func()) {
	t.Helper()
	factory, err := NewFactory(state)
	require.NoError(t, err)
	cfg, ok := factory.CreateDefaultConfig().(*filestorage.Config)
	require.True(t, ok)
	cfg.Directory = dir
	set := extensiontest.NewNopSettings(factory.Type())
	set.ID = component.NewIDWithName(factory.Type(), "queue")
	ext, err := factory.Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	return ext.(storage.Extension), func() { require.NoError(t, ext.Shutdown(t.Context())) }
}

// TestStoreOnDisk: after a kill the requests that were on the way are queued again, the marks are there, and the age is told.
func TestStoreOnDisk(t *testing.T) {
	dir, state := t.TempDir(), NewState()
	store, stop := openStore(t, state, dir)
	client, err := store.GetClient(t.Context(), component.KindExporter, exporterID, LogsSignal)
	require.NoError(t, err)
	account := metadata{items: 2, bytes: 20, read: 1, write: 2, dispatched: []uint64{0}}
	ctx := WithMarks(t.Context(), map[string][]byte{"/a.log": []byte("mark")})
	require.NoError(t, client.Batch(ctx, storage.SetOperation(metaKey, account.marshal()), storage.SetOperation("0", []byte("first")), storage.SetOperation("1", []byte("second"))))
	require.Equal(t, uint64(2), state.Status(t.Context(), 0, time.Now())[0].Requests)
	require.NoError(t, client.Close(t.Context()))
	stop()

	state = NewState()
	store, stop = openStore(t, state, dir)
	defer stop()
	client, err = store.GetClient(t.Context(), component.KindExporter, exporterID, LogsSignal)
	require.NoError(t, err)
	got := state.Status(t.Context(), 99, time.Now().Add(time.Hour))
	require.Len(t, got, 1)
	require.Equal(t, uint64(2), got[0].Requests)
	require.Equal(t, int64(20), got[0].Bytes)
	require.Equal(t, int64(99), got[0].Limit)
	require.GreaterOrEqual(t, got[0].OldestSeconds, time.Hour.Seconds())
	require.Equal(t, "mark", string(state.mark(t.Context(), "/a.log")))
	again, err := client.Get(t.Context(), "2")
	require.NoError(t, err)
	require.Equal(t, "first", string(again), "behind what was queued meanwhile")
	gone, err := client.Get(t.Context(), "0")
	require.NoError(t, err)
	require.Nil(t, gone)
	require.NoError(t, client.Close(t.Context()))
}

// TestStoreOfAnotherVersion: an account that is not understood is left to the library.
func TestStoreOfAnotherVersion(t *testing.T) {
	state := NewState()
	store, stop := openStore(t, state, t.TempDir())
	defer stop()
	client, err := store.GetClient(t.Context(), component.KindExporter, exporterID, "traces")
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), metaKey, []byte("\x31")))
	require.NoError(t, client.Close(t.Context()))
	client, err = store.GetClient(t.Context(), component.KindExporter, exporterID, "traces")
	require.NoError(t, err)
	kept, err := client.Get(t.Context(), metaKey)
	require.NoError(t, err)
	require.Equal(t, "\x31", string(kept))
	require.Equal(t, []Status{{Signal: "traces"}}, state.Status(t.Context(), 0, time.Now()))
	require.NoError(t, client.Close(t.Context()))
}
