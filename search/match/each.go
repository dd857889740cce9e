// SPDX-License-Identifier: Apache-2.0

package match

import (
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
)

// Each tells for every log record of a body, the protobuf of an ExportLogsServiceRequest, whether the filter holds: i counts them from 0 in the
// order of the decoded request. The answers are those of Match on what plog.ProtoUnmarshaler makes of the body, which is not decoded for them. A
// body that the decoder does not take, or whose values are nested deeper than wire.MaxDepth, is an error that wraps wire.ErrMalformed, and
// nothing is told. Nobody may write to body meanwhile.
func (m *Logs) Each(body []byte, tell func(i int, holds bool)) error {
	return m.root.each(signal.Logs, body, tell)
}

// Each is Logs.Each for the spans of an ExportTraceServiceRequest.
func (m *Spans) Each(body []byte, tell func(i int, holds bool)) error {
	return m.root.each(signal.Traces, body, tell)
}

func (n *node) each(of signal.Signal, body []byte, tell func(i int, holds bool)) error {
	if err := wire.Check(of, body); err != nil {
		return err
	}
	i := 0
	return Records(of, body, func(r Record) error {
		holds := n.holds(r.record)
		if err := r.record.raw.err; err != nil {
			return err
		}
		tell(i, holds)
		i++
		return nil
	})
}
