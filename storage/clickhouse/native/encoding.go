// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"io"

	"github.com/ClickHouse/ch-go/proto"
)

// Encoding is an encoded block. What the columns hold as it is written is referred to, not copied. The zero value is empty, and it is used
// again for other blocks.
type Encoding struct {
	buf proto.Buffer
	// cuts are where in buf the memory of columns comes.
	cuts []cut
	size int // of the memory of all cuts
}

type cut struct {
	at     int
	memory []byte
}

func (e *Encoding) reset() {
	clear(e.cuts)
	e.buf.Buf, e.cuts, e.size = e.buf.Buf[:0], e.cuts[:0], 0
}

// refer writes memory of a column.
func (e *Encoding) refer(memory []byte) {
	e.cuts = append(e.cuts, cut{len(e.buf.Buf), memory})
	e.size += len(memory)
}

// Len is the number of bytes.
func (e *Encoding) Len() int { return len(e.buf.Buf) + e.size }

// Reader reads the bytes from their beginning.
func (e *Encoding) Reader() io.Reader {
	parts := make([]io.Reader, 0, 2*len(e.cuts)+1)
	from := 0
	for _, c := range e.cuts {
		parts = append(parts, bytes.NewReader(e.buf.Buf[from:c.at]), bytes.NewReader(c.memory))
		from = c.at
	}
	return io.MultiReader(append(parts, bytes.NewReader(e.buf.Buf[from:]))...)
}
