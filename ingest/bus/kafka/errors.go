// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/strata-apm/strata/ingest/bus"
)

// isCode says whether err is one of the broker's error codes.
func isCode(err error, codes ...kafkago.Error) bool {
	code, ok := errors.AsType[kafkago.Error](err)
	return ok && slices.Contains(codes, code)
}

// isDial says that a request never left this process.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// isRefused says that the broker said no, or was never reached: what was asked for has not happened.
func isRefused(err error) bool {
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		// These two are said by a leader that has appended already.
		return code != kafkago.RequestTimedOut && code != kafkago.NotEnoughReplicasAfterAppend
	}
	return isDial(err) || errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) || errors.Is(err, protocol.ErrNoLeader)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", bus.ErrUnavailable, err) }
