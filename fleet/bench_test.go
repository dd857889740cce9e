// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"

	"github.com/strata-apm/strata/storage/catalog"
)

// BenchmarkSave writes 1000 agents to a SQLite catalog: those that only live, and those with a new board of 4 KiB.
func BenchmarkSave(b *testing.B) {
	for name, board := range map[string]bool{"heartbeats": false, "boards": true} {
		b.Run(name, func(b *testing.B) {
			store, err := catalog.Open(b.Context(), filepath.Join(b.TempDir(), "catalog.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			s := newAgents(Options{Store: store, Instance: "one", Logger: slog.New(slog.DiscardHandler)})
			ids := make([]uuid.UUID, 1000)
			for i := range ids {
				ids[i] = uuid.New()
				if _, err := s.take(b.Context(), ids[i].String(), session{}, message(ids[i], 1, "host")); err != nil {
					b.Fatal(err)
				}
			}
			seq := uint64(1)
			for b.Loop() {
				b.StopTimer()
				seq++
				for _, id := range ids {
					m := message(id, seq, "")
					if board {
						m.CustomMessage = &protobufs.CustomMessage{
							Capability: Capability, Type: messageBoard, Data: []byte(`{"x":"` + time.Now().String() + strings.Repeat("y", 4000) + `"}`),
						}
					}
					if _, err := s.take(b.Context(), id.String(), session{}, m); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				if err := s.save(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
