// SPDX-License-Identifier: Apache-2.0

// Package counted counts in the ledger what a bus has taken: at once where the embedded log tells, by its producer where the bus is outside of this process, and again after a
// kill.
package counted

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
)

// Item is what the ledger counts for a record with these headers; N is 0 for a record that another program put on the topic.
func Item(topic string, headers []bus.Header) ledger.Item {
	source, n, _ := intake.RecordItem(headers)
	return ledger.Item{Signal: bus.SignalOf(topic), Source: source, N: n}
}

// partition names, in the ledger, the one partition that a topic of the embedded log has.
func partition(topic string) string { return topic + "-0" }

// OnDurable returns what the embedded log calls for each record that it holds durably.
func OnDurable(l *ledger.Ledger) func(topic string, offset int64, headers []bus.Header) {
	return func(topic string, offset int64, headers []bus.Header) {
		l.Accepted(partition(topic), offset, Item(topic, headers))
	}
}

// Producer returns a producer that counts what a bus outside this process took.
func Producer(p bus.Producer, l *ledger.Ledger) bus.Producer { return producer{p, l} }

type producer struct {
	bus.Producer
	ledger *ledger.Ledger
}

// Produce implements bus.Producer.
func (p producer) Produce(ctx context.Context, topic string, recs ...bus.Record) error {
	if err := p.Producer.Produce(ctx, topic, recs...); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	for _, r := range recs {
		p.ledger.AcceptedElsewhere(Item(topic, r.Headers))
	}
	return nil
}

// Log is the embedded log as Recount reads it.
type Log interface {
	bus.Consumer
	bus.Inspector
}

// recountBytes are read from the log at once.
const recountBytes = 1 << 20

// Recount counts the records that the embedded log took after the ledger was last saved: those of the seconds before a kill. Nothing else may consume the log meanwhile.
func Recount(ctx context.Context, b Log, l *ledger.Ledger) error {
	for _, st := range b.Stats() {
		name := partition(st.Topic)
		next := max(l.AcceptedOffset(name), st.First)
		if next >= st.Next {
			continue
		}
		err := b.Consume(ctx, st.Topic, func(ctx context.Context, p bus.Partition) error {
			for next < st.Next {
				msgs, err := p.Fetch(ctx, next, recountBytes)
				if err != nil {
					return fmt.Errorf("read %s from %d: %w", st.Topic, next, err)
				}
				for _, m := range msgs {
					l.Accepted(name, m.Offset, Item(st.Topic, m.Headers))
					next = m.Offset + 1
				}
			}
			return nil
		})
		if err != nil {
			return err // Wrapped above.
		}
	}
	return nil
}
