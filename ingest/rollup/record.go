// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"slices"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/match"
)

// reader reads the fields of a record, each once for all rollups that ask for it, and what belongs to the resource once for all its records.
type reader struct {
	fields []field
	record match.Record
	at     int64 // of the record; below 0 while it was not read
	serial uint64
	origin int
}

// field is one that rollups ask for.
type field struct {
	search.Field
	ofResource bool

	text, number, hash cached
	textIs             string
	numberIs           float64
	isNumber           bool
	hashIs             uint64
}

// cached is the record, or for what belongs to a resource the resource, of which something was read.
type cached uint64

// add returns the number of a field in the table.
func (r *reader) add(f search.Field) int {
	if i := slices.IndexFunc(r.fields, func(have field) bool { return have.Field == f }); i >= 0 {
		return i
	}
	ofResource := f.Kind == search.FieldResource ||
		f.Kind == search.FieldBuiltin && (f.Name == search.FieldService || f.Name == search.FieldEnvironment || f.Name == search.FieldHost)
	r.fields = append(r.fields, field{Field: f, ofResource: ofResource})
	return len(r.fields) - 1
}

// begin forgets the body before.
func (r *reader) begin() {
	r.origin = 0
	for i := range r.fields {
		f := &r.fields[i]
		f.text, f.number, f.hash, f.textIs = 0, 0, 0, ""
	}
}

// next goes on to a record.
func (r *reader) next(rec match.Record) {
	r.record, r.at = rec, -1
	r.serial++
	r.origin = rec.Origin()
}

// now is what a field's values are cached of.
func (r *reader) now(f *field) cached {
	if f.ofResource {
		return cached(r.origin) //nolint:gosec // Counts from 1.
	}
	return cached(r.serial)
}

func (r *reader) time() int64 {
	if r.at < 0 {
		r.at = int64(min(r.record.Time(), latest))
	}
	return r.at
}

func (r *reader) text(i int) string {
	f := &r.fields[i]
	if now := r.now(f); f.text != now {
		f.text, f.textIs = now, r.record.Text(f.Field)
	}
	return f.textIs
}

func (r *reader) numeric(i int) (float64, bool) {
	f := &r.fields[i]
	if now := r.now(f); f.number != now {
		f.number = now
		f.numberIs, f.isNumber = r.record.Number(f.Field)
	}
	return f.numberIs, f.isNumber
}

// hashed is the hash of a field's text; there is none of an empty one.
func (r *reader) hashed(i int) (uint64, bool) {
	f := &r.fields[i]
	text := r.text(i)
	if now := r.now(f); f.hash != now {
		f.hash, f.hashIs = now, rollup.HashText(text)
	}
	return f.hashIs, text != ""
}
