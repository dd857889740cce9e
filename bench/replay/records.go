// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// base is the time in the encoded bodies; Refresh moves everything to the time it is given.
func base() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

// Records is one request body with spans or log records. It belongs to one goroutine.
type Records struct {
	Body []byte
	// Items is how many records Body has, TextBytes what a person would call their size: for log records the body and the keys and
	// values of its attributes.
	Items, TextBytes int

	stamps []stamp
	ids    []int // the first eight bytes of every trace and span id
	rnd    *rand.Rand
}

// idLen are the lengths of the two kinds of id.
const traceIDLen, spanIDLen = 16, 8

// Refresh moves the records so that the first starts at t, and gives every trace and span a new id that keeps parents and children
// together.
func (r *Records) Refresh(t time.Time) {
	putStamps(r.Body, r.stamps, t.UnixNano())
	nonce := r.rnd.Uint64()
	for _, at := range r.ids {
		binary.LittleEndian.PutUint64(r.Body[at:], binary.LittleEndian.Uint64(r.Body[at:])^nonce)
	}
}

// locate finds the times and ids of the messages at path: the fields with the numbers times and ids.
func (r *Records) locate(path, times, ids []protowire.Number) error {
	zero := base().UnixNano()
	return walk(r.Body, 0, len(r.Body), path, func(start, end int) error {
		list, err := fields(r.Body, start, end)
		if err != nil {
			return err
		}
		for _, f := range list {
			switch {
			case slices.Contains(times, f.num):
				if f.end-f.start != 8 {
					return fmt.Errorf("time at %d has %d bytes", f.start, f.end-f.start)
				}
				at := int64(binary.LittleEndian.Uint64(r.Body[f.start:])) //nolint:gosec // A time of this century.
				r.stamps = append(r.stamps, stamp{at: f.start, delta: at - zero})
			case slices.Contains(ids, f.num) && f.end-f.start >= spanIDLen:
				r.ids = append(r.ids, f.start)
			}
		}
		return nil
	})
}

func randomID[T [traceIDLen]byte | [spanIDLen]byte](rnd *rand.Rand) T {
	var id T
	for i := range len(id) {
		id[i] = byte(rnd.Uint32()) //nolint:gosec // The low byte.
	}
	return id
}

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }
