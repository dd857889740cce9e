// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Coding is a content coding of HTTP (RFC 9110, section 8.4).
type Coding int

// The codings that bodies are read in.
const (
	Gzip Coding = iota + 1
	Zstd
	// SnappyBlock is one block without a frame around it, which is what Prometheus and Loki call snappy.
	SnappyBlock
	// SnappyFramed is snappy's format of streams.
	SnappyFramed
)

// String is the name in Content-Encoding.
func (c Coding) String() string {
	switch c {
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	case SnappyBlock:
		return "snappy"
	case SnappyFramed:
		return "x-snappy-framed"
	default:
		return "identity"
	}
}

const (
	// maxZstdWindow bounds what a zstd frame header can make the decoder allocate (RFC 8878 recommends supporting 8 MiB).
	maxZstdWindow = 8 << 20
	// snappyFrame is the most that one frame of snappy holds.
	snappyFrame = 64 << 10
)

// ReadHTTP reads the body of a request, decompressed by its Content-Encoding, which is none or one of codings. The size before and after decompression is bounded
// by MaxBody and the memory is claimed from the budget before it is allocated, so that no body costs more than it may, whatever it claims to hold. Its error is
// ErrTooLarge, ErrBusy, ErrUnsupported or ErrMalformed, or none of them where the body did not come in time. The caller releases the body.
func (in *Intake) ReadHTTP(r *http.Request, codings ...Coding) (*Body, error) {
	coding, err := contentCoding(r.Header, codings)
	if err != nil {
		return nil, err
	}
	raw := http.MaxBytesReader(nil, r.Body, in.MaxBody())
	var body *Body
	switch coding {
	case 0:
		body, err = in.Read(raw, r.ContentLength)
	case SnappyBlock:
		body, err = in.readSnappyBlock(raw, r.ContentLength)
	default:
		body, err = in.readStream(raw, coding)
	}
	if err != nil {
		return nil, bodyError(err)
	}
	return body, nil
}

// bodyError tells the errors of reading a body apart.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, tooLarge.Limit)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrBusy):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded): // A slow sender keeps its data and tries again.
		return fmt.Errorf("read body: %w", err)
	default:
		return fmt.Errorf("%w: read body: %w", ErrMalformed, err)
	}
}

// contentCoding returns the one coding of the body, 0 for none. Names are case-insensitive, x-gzip is gzip, and identity is nothing (RFC 9110, section 8.4.1).
func contentCoding(h http.Header, allowed []Coding) (Coding, error) {
	var found Coding
	header := strings.Join(h.Values("Content-Encoding"), ",")
	for name := range strings.SplitSeq(header, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		switch name {
		case "", "identity":
			continue
		case "x-gzip":
			name = Gzip.String()
		}
		c := codingOf(name, allowed)
		if c == 0 || found != 0 {
			return 0, fmt.Errorf("%w: Content-Encoding %.80q, want %s", ErrUnsupported, header, anyOf(allowed))
		}
		found = c
	}
	return found, nil
}

func codingOf(name string, allowed []Coding) Coding {
	for _, c := range allowed {
		if c.String() == name {
			return c
		}
	}
	return 0
}

func anyOf(codings []Coding) string {
	names := make([]string, len(codings))
	for i, c := range codings {
		names[i] = c.String()
	}
	return strings.Join(append(names, "none"), " or ")
}

// readStream reads a body in a coding that is decompressed piece by piece.
func (in *Intake) readStream(raw io.Reader, coding Coding) (*Body, error) {
	switch coding {
	case Gzip:
		zr, err := gzip.NewReader(raw)
		if errors.Is(err, io.EOF) { // Of no bytes at all, which is an empty request in any coding.
			return in.Read(http.NoBody, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		defer func() { _ = zr.Close() }()
		return in.Read(zr, 0)
	case SnappyFramed:
		return in.Read(s2.NewReader(raw, s2.ReaderMaxBlockSize(snappyFrame), s2.ReaderAllocBlock(snappyFrame)), 0)
	default:
		zr, err := NewZstdReader(raw)
		if err != nil {
			return nil, err
		}
		defer zr.Close()
		return in.Read(zr, 0)
	}
}

// NewZstdReader returns a decoder that streams and does not allocate what a frame claims. The caller bounds what it reads and closes it.
func NewZstdReader(r io.Reader) (*zstd.Decoder, error) {
	zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return zr, nil
}

// readSnappyBlock reads a body that has to be in memory as a whole to be decompressed. Its size is in its first bytes.
func (in *Intake) readSnappyBlock(raw io.Reader, size int64) (*Body, error) {
	packed, err := in.Read(raw, size)
	if err != nil {
		return nil, err
	}
	defer packed.Release()
	if len(packed.Bytes) == 0 {
		return in.Claim(nil)
	}
	n, err := s2.DecodedLen(packed.Bytes)
	if err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	if int64(n) > in.MaxBody() {
		return nil, fmt.Errorf("%w: the snappy block claims %d bytes, at most %d", ErrTooLarge, n, in.MaxBody())
	}
	body := &Body{budget: in.budget}
	if err := body.grow(int64(n)); err != nil {
		return nil, err
	}
	if body.Bytes, err = s2.Decode(body.Bytes[:n], packed.Bytes); err != nil {
		body.Release()
		return nil, fmt.Errorf("snappy: %w", err)
	}
	return body, nil
}
