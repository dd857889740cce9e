// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

func newConsumerThatChecksContext() (consumer.Logs, error) {
	return consumer.NewLogs(func(ctx context.Context, _ plog.Logs) error { return ctx.Err() })
}
