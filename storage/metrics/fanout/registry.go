// SPDX-License-Identifier: Apache-2.0

package fanout

import "context"

// Writer is a process with a tsdb of its own.
type Writer struct {
	// ID names the writer in warnings.
	ID string
	// URL is where its HTTP listener is reached, such as http://10.0.0.7:7080; the Prometheus API is below /prometheus/api/v1.
	URL string
	// Group is the consumer group it writes for. Each group holds all series, so that groups are replicas of each other.
	Group string
}

func (w Writer) String() string { return "writer " + w.ID + " (" + w.URL + ")" }

// Registry knows the writers. Safe for concurrent use.
type Registry interface {
	// Writers returns every writer that may hold samples, also those that are down: one that is not named is not missed. It is
	// called once per query.
	Writers(ctx context.Context) ([]Writer, error)
}

// Static is a Registry whose writers never change.
type Static []Writer

// Writers implements Registry.
func (s Static) Writers(context.Context) ([]Writer, error) { return s, nil }
