// SPDX-License-Identifier: Apache-2.0

// Package intaketest is the conformance suite of the gateway's protocols: what every one of them must do with good and bad input, with a bus that is full or away, and
// with clients that leave. Each protocol runs it in its own tests by a Protocol, which says how a request is encoded and how an answer is read.
package intaketest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
)

// Protocol is one protocol that carries one signal.
type Protocol struct {
	Signal signal.Signal
	// Encode returns a request with the records, in no coding.
	Encode func(tb testing.TB, recs ...Record) []byte
	// Serve starts a server before in, which ends with the test, and returns a client of it.
	Serve func(tb testing.TB, in *intake.Intake) Sender
	// Codings are those that the protocol takes; Coded says that a body is never without the first of them.
	Codings []Coding
	Coded   bool
	// Partial is the answer to a request of which some records are refused, Taken or Refused.
	Partial Verdict
	// Rejected is how many records an answer of that kind says were refused; nil where the protocol has no words for it.
	Rejected func(tb testing.TB, a Answer) int
	// Topic and Decode are for a protocol whose records are not OTLP on the bus: where they go, and how they are read there.
	Topic  string
	Decode func(tb testing.TB, body []byte) []Record
}

// Record is a span, a log record or a sample of a gauge, as the suite makes it up.
type Record struct {
	// Name is that of the span or of the metric, or the log record's body.
	Name string
	// Service is the attribute service.name of the resource, where the protocol has resources.
	Service string
	// Time is when the span began, the event happened or the sample was taken; the zero value is no time. A protocol may keep milliseconds.
	Time time.Time
	// Value is the sample's.
	Value float64
	// Attributes are the record's own, or the sample's labels.
	Attributes []Attribute
	// Depth is in how many lists an attribute "deep" is nested; 0 is no such attribute, as for protocols without nested attributes.
	Depth int
}

// Attribute is a name and a text.
type Attribute struct{ Key, Value string }

// Request is what a client sends.
type Request struct {
	Body []byte
	// Coding is the name of the body's coding, "" for none.
	Coding string
	// ContentType is "" for the protocol's own.
	ContentType string
	// Pause, unless nil, is called when the first half of the body has been sent.
	Pause func()
}

// Sender sends one request and returns the answer; the error is that there was none. Safe for concurrent use.
type Sender func(ctx context.Context, r Request) (Answer, error)

// Verdict is what an answer means to the sender.
type Verdict string

// The verdicts.
const (
	// Taken is kept, all or in part: not to be sent again.
	Taken Verdict = "taken"
	// Refused, TooLarge and Unsupported can never be kept: not to be sent again.
	Refused     Verdict = "refused"
	TooLarge    Verdict = "too large"
	Unsupported Verdict = "unsupported"
	// Full and Unavailable are to be sent again later.
	Full        Verdict = "full"
	Unavailable Verdict = "unavailable"
	// Other is an answer that no protocol gives.
	Other Verdict = "other"
)

// Answer is what a client learns.
type Answer struct {
	Verdict Verdict
	// RetryAfter is how long to wait before sending again; 0 is that nothing was said.
	RetryAfter time.Duration
	Header     http.Header
	Body       []byte
	// Status is what the protocol said, to be read in failures.
	Status string
}

// Run runs the suite.
func Run(t *testing.T, p Protocol) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"records arrive", testRecords},
		{"nothing at all", testEmpty},
		{"a body that was cut off", testTruncated},
		{"random bytes", testGarbage},
		{"another content type", testContentType},
		{"an unknown coding", testUnknownCoding},
		{"every coding", testCodings},
		{"a broken coding", testBrokenCoding},
		{"bombs", testBombs},
		{"a body over the limit", testTooLarge},
		{"too many attributes", testManyAttributes},
		{"long values", testLongValues},
		{"text that is not UTF-8", testNotUTF8},
		{"odd characters", testOddCharacters},
		{"odd numbers", testNumbers},
		{"times outside the window", testTimes},
		{"no time", testNoTime},
		{"absurd nesting", testNesting},
		{"the same twice", testTwice},
		{"bus full or away", testBusRefuses},
		{"memory full", testBusy},
		{"a client that leaves", testClientLeaves},
		{"a slow client", testSlowClient},
		{"many clients", testConcurrent},
		{"several partitions", testPartitions},
		{"a record larger than the bus takes", testOversized},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newFixture(t, p, nil)) })
	}
}
