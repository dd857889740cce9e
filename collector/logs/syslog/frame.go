// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxMessage is the longest message; RFC 5424 asks for 2048. The rest of a longer one is a message of its own.
const MaxMessage = 64 << 10

// maxDigits is how long the count before a message may be.
const maxDigits = 7

// Frames cuts a stream into messages.
type Frames struct {
	in *bufio.Reader
	// counted is how many octets of a message are still to come, which was too long for one.
	counted int
}

// NewFrames returns the messages of a stream.
func NewFrames(r io.Reader) *Frames {
	return &Frames{in: bufio.NewReaderSize(r, MaxMessage+maxDigits+1)}
}

// Ready says whether a whole message is there, so that the next one needs no waiting.
func (f *Frames) Ready() bool {
	b, err := f.in.Peek(f.in.Buffered())
	if err != nil || len(b) == 0 {
		return false
	}
	if f.counted > 0 {
		return len(b) >= min(f.counted, MaxMessage)
	}
	if n, digits, err := f.count(); len(b) > maxDigits+1 && err == nil && digits > 0 {
		return len(b) >= digits+min(n, MaxMessage)
	}
	return bytes.ContainsAny(b, "\n\x00")
}

// Next returns the next message, without what ends it. At the end of the stream the last one needs no end.
func (f *Frames) Next() ([]byte, error) {
	if f.counted == 0 {
		n, digits, err := f.count()
		if err != nil {
			return nil, err
		}
		if digits == 0 {
			return f.line()
		}
		if _, err := f.in.Discard(digits); err != nil {
			return nil, fmt.Errorf("read syslog: %w", err)
		}
		f.counted = n
	}
	b := make([]byte, min(f.counted, MaxMessage))
	n, err := io.ReadFull(f.in, b)
	f.counted -= n
	if n > 0 { // A sender that ends in the middle of a message.
		return bytes.TrimRight(b[:n], "\r\n\x00"), nil
	}
	return nil, fmt.Errorf("read syslog: %w", err)
}

// count looks whether a count of octets comes, a space behind it and the beginning of a message behind that.
func (f *Frames) count() (n, length int, err error) {
	for i := 1; ; i++ {
		b, err := f.in.Peek(i)
		if err != nil && len(b) < i {
			if len(b) > 0 {
				return 0, 0, nil // The line decides.
			}
			return 0, 0, fmt.Errorf("read syslog: %w", err)
		}
		switch c := b[i-1]; {
		case c >= '0' && c <= '9' && i <= maxDigits && (i > 1 || c != '0'):
			n = n*10 + int(c-'0')
		case c == ' ' && i > 1:
			if b, err = f.in.Peek(i + 1); err == nil && b[i] == '<' {
				return n, i, nil
			}
			return 0, 0, nil
		default:
			return 0, 0, nil
		}
	}
}

// line reads up to a line's end, or the zero that some devices put there.
func (f *Frames) line() ([]byte, error) {
	seen := 0 // bytes that have no end of a line among them
	for {
		b, err := f.in.Peek(seen + 1)
		if err == nil {
			b, err = f.in.Peek(f.in.Buffered())
		}
		if i := seen + bytes.IndexAny(b[min(seen, len(b)):], "\n\x00"); i >= seen && i <= MaxMessage {
			out := bytes.Clone(bytes.TrimRight(b[:i], "\r"))
			_, err = f.in.Discard(i + 1)
			return out, err // Bytes in the buffer can be discarded.
		}
		if len(b) >= MaxMessage || err != nil && len(b) > 0 {
			out := bytes.Clone(b[:min(len(b), MaxMessage)])
			_, _ = f.in.Discard(len(out))
			return out, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("read syslog: %w", err)
		}
		seen = len(b)
	}
}
