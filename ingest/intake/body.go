// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/semaphore"
)

// Body is a request body in memory; Release gives its share of the budget back.
type Body struct {
	Bytes  []byte
	budget *semaphore.Weighted
	held   int64
}

// Release gives the memory back to the budget. Bytes must not be used afterwards.
func (b *Body) Release() {
	b.budget.Release(b.held)
	b.held, b.Bytes = 0, nil
}

const chunk = 256 << 10

// Read reads r to its end. The memory is claimed from the budget as it is needed, before it is allocated. sizeHint is the size where it is known, else 0.
func (in *Intake) Read(r io.Reader, sizeHint int64) (*Body, error) {
	b, limit := &Body{budget: in.budget}, in.MaxBody()
	if sizeHint <= 0 || sizeHint > limit {
		sizeHint = min(chunk, limit)
	}
	if err := b.grow(sizeHint + 1); err != nil {
		return nil, err
	}
	for {
		n, err := r.Read(b.Bytes[len(b.Bytes):cap(b.Bytes)])
		b.Bytes = b.Bytes[:len(b.Bytes)+n]
		switch {
		case int64(len(b.Bytes)) > limit:
			b.Release()
			return nil, fmt.Errorf("%w: more than %d bytes after decompression", ErrTooLarge, limit)
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			b.Release()
			return nil, err // The caller knows whether it is decompressing.
		case len(b.Bytes) == cap(b.Bytes):
			if err := b.grow(min(2*int64(len(b.Bytes)), limit+1)); err != nil {
				b.Release()
				return nil, err
			}
		}
	}
}

// Claim takes the size of a body that is in memory already from the budget.
func (in *Intake) Claim(body []byte) (*Body, error) {
	b := &Body{budget: in.budget}
	if !in.budget.TryAcquire(int64(len(body))) {
		return nil, ErrBusy
	}
	b.held, b.Bytes = int64(len(body)), body
	return b, nil
}

func (b *Body) grow(size int64) error {
	if !b.budget.TryAcquire(size - b.held) {
		return ErrBusy
	}
	b.held = size
	next := make([]byte, len(b.Bytes), size)
	copy(next, b.Bytes)
	b.Bytes = next
	return nil
}
