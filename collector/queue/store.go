// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// TypeName is the type of the storage extension in the collector's configuration.
const TypeName = "strata_queue"

// LogsSignal names the queue of log records.
const LogsSignal = "logs"

const (
	// marksPrefix begins the keys of the marks that are committed with a queued request, timesPrefix those of when a request was queued.
	marksPrefix = "strata/mark/"
	timesPrefix = "strata/time/"
	// fullMargin is more bytes than a request of a source that cannot wait has.
	fullMargin = 1 << 20
)

// marksKey is the key of marks in a context.
type marksKey struct{}

// WithMarks hands marks to the store of the queue: they are committed with the request that is queued with this context.
func WithMarks(ctx context.Context, marks map[string][]byte) context.Context {
	return context.WithValue(ctx, marksKey{}, marks)
}

// fileStore is the file storage of the queue with four things added: the offsets of files are committed in the transaction that
// queues their lines, requests that were on the way at a kill go back into the queue in one transaction (the library deletes them first
// and queues them after, and a kill in between would lose them), a request costs one transaction of the library's three (see
// signalClient), and what is queued can be told.
type fileStore struct {
	storage.Extension
	state *State
}

// NewFactory returns the factory of the storage extension that tells state of what it holds.
func NewFactory(state *State) (extension.Factory, error) {
	typ, err := component.NewType(TypeName)
	if err != nil {
		return nil, err
	}
	inner := filestorage.NewFactory()
	return extension.NewFactory(typ, inner.CreateDefaultConfig,
		func(ctx context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			set.ID = component.MustNewIDWithName("file_storage", set.ID.Name())
			ext, err := inner.Create(ctx, set, cfg)
			if err != nil {
				return nil, err
			}
			store, ok := ext.(storage.Extension)
			if !ok {
				return nil, fmt.Errorf("%T is no storage", ext)
			}
			return &fileStore{Extension: store, state: state}, nil
		}, component.StabilityLevelStable), nil
}

// GetClient implements storage.Extension.
func (s *fileStore) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := s.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	meta, err := recoverDispatched(ctx, client)
	if err != nil && !errors.Is(err, errMeta) { // An account of another version is the library's to read.
		return nil, fmt.Errorf("put %s that were on the way back into the queue: %w", name, err)
	}
	c := newSignalClient(client, name, s.state)
	s.state.opened(c, meta)
	return c, nil
}

// recoverDispatched queues the requests again that were on the way when the agent was killed. They keep their bytes, so that the server
// recognises the ones that it had taken.
func recoverDispatched(ctx context.Context, client storage.Client) (metadata, error) {
	buf, err := client.Get(ctx, metaKey)
	if err != nil || len(buf) == 0 {
		return metadata{}, err
	}
	meta, err := parseMeta(buf)
	if err != nil || len(meta.dispatched) == 0 {
		return meta, err
	}
	var ops []*storage.Operation
	now := timeBytes(time.Now())
	for _, index := range meta.dispatched {
		value, err := client.Get(ctx, itemKey(index))
		if err != nil {
			return meta, err
		}
		ops = append(ops, storage.DeleteOperation(itemKey(index)), storage.DeleteOperation(timesPrefix+itemKey(index)))
		if value == nil {
			continue
		}
		key := itemKey(meta.write)
		ops = append(ops, storage.SetOperation(key, value), storage.SetOperation(timesPrefix+key, now))
		meta.write++
	}
	meta.dispatched = nil
	ops = append(ops, storage.SetOperation(metaKey, meta.marshal()))
	return meta, client.Batch(ctx, ops...)
}

// timeBytes is a moment as it is kept beside a request: nanoseconds since 1970, big-endian.
func timeBytes(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano()))
}
