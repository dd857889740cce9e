// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/ingest/bus"
)

// commitGrace is how long a commit may go on after the partition was taken away: the broker still takes it until the new generation
// begins, which saves the next owner a replay.
const commitGrace = 5 * time.Second

// partition is one partition in one generation. Only its handler uses it.
type partition struct {
	bus        *Bus
	topic      string
	id         int
	generation int32
	member     string
	logger     *slog.Logger
	// owned ends with the ownership; lose ends it. A context is kept because prefetching outlives the call that began it.
	owned context.Context // See above.
	lose  context.CancelFunc

	// epoch is the life of the log as this group has seen it, carried in the metadata of every commit.
	epoch string

	fetches sync.WaitGroup
	ahead   *pending
	buf     []bus.Message
	from    int64        // buf holds everything from here
	next    int64        // up to here
	beyond  atomic.Int32 // fetches in a row that found the log ending before their offset
}

var _ bus.Partition = (*partition)(nil)

// Name implements bus.Partition.
func (p *partition) Name() string { return p.topic + "-" + strconv.Itoa(p.id) + "." + p.epoch }

// begin learns the epoch before the handler can ask for the name.
func (p *partition) begin(ctx context.Context) error {
	_, err := p.Position(ctx)
	return err
}

func (p *partition) close() {
	p.lose()
	p.fetches.Wait()
}

// Position implements bus.Partition. It waits for the brokers until ctx ends.
func (p *partition) Position(ctx context.Context) (bus.Position, error) {
	var pos bus.Position
	err := p.retry(ctx, "read position", func(ctx context.Context) error {
		var err error
		pos, err = p.position(ctx)
		return err
	})
	return pos, err
}

func (p *partition) position(ctx context.Context) (bus.Position, error) {
	resp, err := p.bus.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{
		GroupID: p.bus.cfg.groupOf(p.topic), Topics: map[string][]int{p.topic: {p.id}},
	})
	if err == nil {
		err = resp.Error
	}
	if err == nil && (len(resp.Topics[p.topic]) != 1 || resp.Topics[p.topic][0].Partition != p.id) {
		err = errors.New("the broker did not answer for the partition")
	}
	if err == nil {
		err = resp.Topics[p.topic][0].Error
	}
	if err != nil {
		return bus.Position{}, err
	}
	first, last, err := p.bus.offsets(ctx, p.topic, p.id)
	if err != nil {
		return bus.Position{}, err
	}
	committed := resp.Topics[p.topic][0]
	epoch, metadata := decodeMetadata(committed.Metadata)
	pos := bus.Position{Offset: committed.CommittedOffset, Metadata: metadata}
	switch {
	case pos.Offset < 0:
		pos, epoch = bus.Position{Offset: first}, ""
	case pos.Offset > last:
		// After a change of leader that is usual for a moment: a new leader has every record but learns only by and by how far all
		// replicas are. To go on from there would read again, under other names, what is stored.
		gone, err := p.cutBefore(ctx, pos.Offset)
		if err != nil {
			return bus.Position{}, err
		}
		if !gone {
			break
		}
		if p.epoch == "" { // Said once per generation.
			p.logger.Error("the log ends before the position that is stored of it: it was cut or made anew; going on from its end",
				"committed", pos.Offset, "end", last)
			p.bus.stats.gap(p.topic, pos.Offset-last)
		}
		pos, epoch = bus.Position{Offset: last}, ""
	}
	if epoch == "" && p.epoch == "" {
		epoch = newEpoch()
	}
	if epoch != "" {
		p.epoch = epoch
	}
	return pos, nil
}

// cutBefore says whether the log really ends before offset: its leader must say so again and again, over some seconds, to a request for
// that very offset. Until it has, or says otherwise, the answer is an error.
func (p *partition) cutBefore(ctx context.Context, offset int64) (bool, error) {
	resp, err := p.bus.client.Fetch(ctx, &kafkago.FetchRequest{
		Topic: p.topic, Partition: p.id, Offset: offset, MinBytes: 1, MaxBytes: 1, MaxWait: 10 * time.Millisecond,
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("look at %d: %w", offset, err)
	case resp.Error == nil:
		p.beyond.Store(0)
		return false, nil
	case !isCode(resp.Error, kafkago.OffsetOutOfRange):
		return false, fmt.Errorf("look at %d: %w", offset, resp.Error)
	case p.beyond.Add(1) < maxBeyond:
		return false, fmt.Errorf("the log ends before %d", offset)
	default:
		return true, nil
	}
}

// The metadata string of a committed offset is "<epoch> <the handler's own>". Offsets that another program committed have no epoch.
const epochLen = 8

func encodeMetadata(epoch, metadata string) string { return epoch + " " + metadata }

func decodeMetadata(s string) (epoch, metadata string) {
	epoch, metadata, ok := strings.Cut(s, " ")
	if _, err := hex.DecodeString(epoch); !ok || err != nil || len(epoch) != epochLen {
		return "", ""
	}
	return epoch, metadata
}

func newEpoch() string {
	b := make([]byte, epochLen/2)
	_, _ = rand.Read(b) // Never fails.
	return hex.EncodeToString(b)
}

// Commit implements bus.Partition. It tries again only what the broker certainly did not do. When the answer is lost the partition is
// given up with an error that wraps bus.ErrUnavailable, when it belongs to another consumer with bus.ErrFenced.
func (p *partition) Commit(ctx context.Context, pos bus.Position) error {
	begin := time.Now()
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		if err := ctx.Err(); err != nil {
			return err // The caller's own end; nothing was sent.
		}
		// Once sent it is waited for: a commit that is broken off is a commit in doubt.
		err := p.commit(context.WithoutCancel(ctx), pos)
		if err == nil {
			return nil
		}
		limit := p.bus.cfg.SessionTimeout
		if p.owned.Err() != nil {
			limit = commitGrace
		}
		err = fmt.Errorf("commit %s-%d at %d: %w", p.topic, p.id, pos.Offset, err)
		switch {
		case isCode(err, kafkago.IllegalGeneration, kafkago.UnknownMemberId, kafkago.FencedInstanceID, kafkago.RebalanceInProgress):
			p.lose()
			return fmt.Errorf("%w: %w", bus.ErrFenced, err)
		case isRefused(err) && isTransient(err) && time.Since(begin) < limit:
			_ = retry.Wait(ctx) // The loop asks for the context.
		default:
			p.lose()
			return unavailable(err)
		}
	}
}

// isTransient says that the same request may succeed later.
func isTransient(err error) bool {
	var code kafkago.Error
	return !errors.As(err, &code) || code.Temporary() || code == kafkago.GroupCoordinatorNotAvailable || code == kafkago.NotCoordinatorForGroup
}

func (p *partition) commit(ctx context.Context, pos bus.Position) error {
	ctx, cancel := p.bus.withTimeout(ctx)
	defer cancel()
	group := p.bus.cfg.groupOf(p.topic)
	// Not Client.OffsetCommit: it claims leader epoch 0 instead of none.
	m, err := p.bus.transport.RoundTrip(ctx, p.bus.client.Addr, &offsetcommit.Request{
		GroupID: group, GenerationID: p.generation, MemberID: p.member, RetentionTimeMs: -1,
		Topics: []offsetcommit.RequestTopic{{Name: p.topic, Partitions: []offsetcommit.RequestPartition{{
			PartitionIndex: int32(p.id), CommittedOffset: pos.Offset, CommittedLeaderEpoch: -1, //nolint:gosec // Partitions are few.
			CommittedMetadata: encodeMetadata(p.epoch, pos.Metadata),
		}}}},
	})
	if err != nil {
		return err // The caller names partition and offset.
	}
	resp, ok := m.(*offsetcommit.Response)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errors.New("the broker did not answer for the partition")
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return kafkago.Error(code)
	}
	return nil
}

// retry calls f, each time with a time limit of its own, until it succeeds or ctx ends. Errors are logged, at first at once and then
// less and less often.
func (p *partition) retry(ctx context.Context, what string, f func(context.Context) error) error {
	retry := backoff.New(minBackoff, maxBackoff)
	for n := 0; ; n++ {
		attempt, cancel := p.bus.withTimeout(ctx)
		err := f(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err() // The caller's own end.
		}
		if n&(n+1) == 0 { // 0, 1, 3, 7, …
			p.logger.Warn("kafka does not answer; trying again", "what", what, "attempt", n+1, "err", err)
		}
		if err := retry.Wait(ctx); err != nil {
			return err // The caller's own end.
		}
	}
}
