// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/bus/kafka"
	"github.com/strata-apm/strata/ingest/counted"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/ledger"
)

// transport is the bus, whichever it is.
type transport interface {
	bus.Producer
	bus.Consumer
	bus.Inspector
}

// openBus opens the embedded log, or Kafka where brokers are configured. A process that only queries needs neither.
func (a *App) openBus(ctx context.Context) error {
	switch {
	case a.opts.Role == config.RoleQuery:
		return nil // It asks the others, and is ready also while the brokers are away.
	case a.cfg.Bus.Shared():
		return a.openKafka(ctx)
	}
	b, err := a.openEmbedded(a.stores.ledger)
	if err != nil {
		return err
	}
	a.stack.push("bus", b.Close)
	a.stores.bus, a.stores.producer = b, b
	if err := counted.Recount(ctx, b, a.stores.ledger); err != nil {
		return fmt.Errorf("count what the bus holds: %w", err)
	}
	return nil
}

// errUnread says that records would never be stored if the process went on with Kafka.
var errUnread = errors.New("the embedded log of this data directory holds records that are not stored: start once without bus.kafka.brokers until nothing lags")

// noUnread looks into the embedded log that a process with Kafka may have had before.
func (a *App) noUnread() error {
	if _, err := os.Stat(filepath.Join(a.cfg.DataDir, "bus")); err != nil {
		return nil //nolint:nilerr // There was none.
	}
	b, err := a.openEmbedded(a.stores.ledger)
	if err != nil {
		return err
	}
	for _, st := range b.Stats() {
		if st.Next > st.Committed {
			err = fmt.Errorf("%w (%s: %d records)", errUnread, st.Topic, st.Next-st.Committed)
		}
	}
	return errors.Join(err, b.Close())
}

func (a *App) openKafka(ctx context.Context) error {
	if err := a.noUnread(); err != nil {
		return err
	}
	b, err := kafka.New(a.cfg.Bus.Kafka, kafka.Options{Logger: a.logger.With("part", "bus"), Topics: bus.Topics(), Instance: a.instance})
	if err != nil {
		return fmt.Errorf("open bus: %w", err)
	}
	a.stack.push("bus", b.Close)
	// Topics that do not fit are a mistake to be mended now; brokers that are away come back while the process runs.
	if err := b.Check(ctx); err != nil {
		if !errors.Is(err, bus.ErrUnavailable) {
			return fmt.Errorf("open bus: %w", err)
		}
		a.logger.Warn("the brokers do not answer yet", "err", err)
	}
	a.stores.kafka = b
	a.stores.bus, a.stores.producer, a.stores.layout = b, counted.Producer(b, a.stores.ledger), kafkaLayout{b}
	return nil
}

// kafkaLayout is split.Layout over Kafka.
type kafkaLayout struct{ *kafka.Bus }

// PartitionOf implements split.Layout.
func (kafkaLayout) PartitionOf(key []byte, n int) int { return kafka.PartitionOf(key, n) }

func (a *App) openEmbedded(l *ledger.Ledger) (*embedded.Bus, error) {
	b, err := embedded.Open(filepath.Join(a.cfg.DataDir, "bus"), embedded.Options{
		Logger: a.logger.With("part", "bus"), Topics: bus.Topics(), LimitBytes: a.cfg.Bus.LimitBytes, SegmentBytes: a.cfg.Bus.SegmentBytes,
		OnDurable: counted.OnDurable(l),
	})
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	return b, nil
}
