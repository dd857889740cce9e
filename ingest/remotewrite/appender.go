// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"context"

	"github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/intake"
)

// NewAppendable returns an Appendable that writes by the bus, for rules evaluated in a process that has no tsdb. The samples of one
// appender go as remote write requests cut as in's layout says, so that a series always takes the same partition and its samples
// stay in order. Commit returns when the bus holds them durably; an error of the bus is its error, wrapped, and then some, all or none
// of the samples may have been kept. The ledger counts the samples under source.
//
// An appender looks at no other: a sample that contradicts an earlier one is found, and counted as rejected, by the writer.
func NewAppendable(in *intake.Intake, source string) storage.Appendable {
	return &busAppendable{appendable: appendable{intake: in}, source: source}
}

type busAppendable struct {
	appendable
	source string
}

// Appender implements storage.Appendable. Not safe for concurrent use, as every appender.
func (a *busAppendable) Appender(ctx context.Context) storage.Appender {
	return a.appendable.Appender(intake.WithSource(ctx, a.source))
}
