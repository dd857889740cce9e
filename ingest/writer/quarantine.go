// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
)

// Quarantine is a directory of batches that a store refused for good: one JSON file each, the values as base64, so that nothing
// accepted is lost while one poisoned batch does not stop the rest.
type Quarantine struct{ dir string }

// NewQuarantine returns the quarantine in dir, which is created when it is first needed.
func NewQuarantine(dir string) *Quarantine { return &Quarantine{dir: dir} }

type quarantined struct {
	Batch   string       `json:"batch"`
	Reason  string       `json:"reason"`
	Headers []bus.Header `json:"headers"`
	Value   string       `json:"value"`
	Offset  int64        `json:"offset"`
}

// put writes the messages durably and returns them as rejected.
func (q *Quarantine) put(topic string, id storage.BatchID, msgs []bus.Message, reason string) ([]ledger.Outcome, error) {
	if err := os.MkdirAll(q.dir, 0o700); err != nil {
		return nil, fmt.Errorf("create quarantine: %w", err)
	}
	f, err := os.Create(filepath.Join(q.dir, string(id)+".jsonl"))
	if err != nil {
		return nil, fmt.Errorf("create quarantine file: %w", err)
	}
	enc := json.NewEncoder(f)
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		err = errors.Join(err, enc.Encode(quarantined{
			Batch: string(id), Reason: reason, Headers: m.Headers, Offset: m.Offset, Value: base64.StdEncoding.EncodeToString(m.Value),
		}))
		out := outcome(topic, m, 0)
		out.Rejected = map[string]int64{reason: out.N}
		outcomes = append(outcomes, out)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("write quarantine of %s: %w", id, err)
	}
	return outcomes, nil
}

// ReasonTenant is the ledger's word for records whose tenant cannot be one.
const ReasonTenant = "invalid_tenant"

// misaddressed is the outcome of a message whose tenant cannot be one: all of it is rejected.
func misaddressed(topic string, m bus.Message) ledger.Outcome {
	out := outcome(topic, m, 1)
	out.Rejected = map[string]int64{ReasonTenant: out.N}
	return out
}

// outcome is the ledger's entry of one message; found is the number of items where the record does not say.
func outcome(topic string, m bus.Message, found int) ledger.Outcome {
	source, n, ours := intake.RecordItem(m.Headers)
	if !ours {
		n = int64(found)
	}
	return ledger.Outcome{Item: ledger.Item{Signal: bus.SignalOf(topic), Source: source, N: n}, Offset: m.Offset, Foreign: !ours}
}
