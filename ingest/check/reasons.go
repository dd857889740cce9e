// SPDX-License-Identifier: Apache-2.0

package check

// Reasons for which a record is taken out of a request; the ledger and the answers to senders use these words.
const (
	// ReasonInvalidID is a span without a valid trace id or span id.
	ReasonInvalidID = "invalid_id"
	// ReasonTooOld and ReasonTooNew are a time outside the window of the limits, ReasonNoTime a data point without one.
	ReasonTooOld = "too_old"
	ReasonTooNew = "too_far_in_future"
	ReasonNoTime = "no_timestamp"
	// ReasonDelta is delta temporality, ReasonTemporality one that is unknown.
	ReasonDelta       = "delta_temporality"
	ReasonTemporality = "unknown_temporality"
	// ReasonNoValue is a point without a value, ReasonNoName a metric without a name, ReasonNoData a metric without a kind of data.
	ReasonNoValue = "no_value"
	ReasonNoName  = "no_name"
	ReasonNoData  = "no_data_type"
	// ReasonTooMany and ReasonTooLong are attributes of a point past a limit: without some of its labels it would be another series.
	ReasonTooMany = "too_many_attributes"
	ReasonTooLong = "attribute_too_long"
	// ReasonNotUTF8 is a name or an attribute of a point that is not UTF-8.
	ReasonNotUTF8 = "not_utf8"
	// ReasonHistogram and ReasonSummary are a point that contradicts itself, ReasonScale one too coarse for Prometheus.
	ReasonHistogram = "invalid_histogram"
	ReasonSummary   = "invalid_summary"
	ReasonScale     = "unsupported_scale"
	// ReasonSeriesLimit is a sample that would make a series past the bound on series.
	ReasonSeriesLimit = "series_limit"
	// ReasonRecordSize is a record that is larger than the bus takes.
	ReasonRecordSize = "record_too_large"
)

// Kinds of changes that take no record out; the sender is told in these words.
const (
	NoteCut        = "values cut to the length limit"
	NoteDropped    = "attributes dropped over the limit"
	NoteDeep       = "values nested too deep, left out"
	NoteNotUTF8    = "texts that are not UTF-8, put right"
	NoteNegative   = "spans that end before they start, stored with duration 0"
	NoteNoTime     = "log records without a time, stored with the time of receipt"
	NoteBadID      = "malformed trace or span ids, left out"
	NoteBadNumber  = "numbers that are none of their field's, left out"
	NoteBadLevel   = "severity numbers outside 0 to 24, stored as unspecified"
	NoteBadTraceID = "log records with an invalid trace or span id, stored without it"
)
