// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/intake"
)

// Coding is a content coding as a client and an attacker make it.
type Coding struct {
	Name string
	// Encode returns b in the coding.
	Encode func(tb testing.TB, b []byte) []byte
	// bombs are bodies below MaxBody that hold, or claim to hold, far more, by name.
	bombs func(tb testing.TB) map[string][]byte
}

// CodingOf is the coding of the suite that package intake reads.
func CodingOf(c intake.Coding) Coding {
	out := Coding{Name: c.String()}
	switch c {
	case intake.Gzip:
		out.Encode, out.bombs = encodeGzip, func(tb testing.TB) map[string][]byte {
			tb.Helper()
			return map[string][]byte{"many members": bytes.Repeat(encodeGzip(tb, make([]byte, 1<<20)), 128)}
		}
	case intake.Zstd:
		out.Encode, out.bombs = encodeZstd, func(tb testing.TB) map[string][]byte {
			tb.Helper()
			return map[string][]byte{
				"many frames": bytes.Repeat(encodeZstd(tb, make([]byte, 1<<20)), 128),
				// A frame header that asks for a window of 1 GiB (RFC 8878, 3.1.1.1): exponent 20, so 2^30 bytes.
				"window of 1 GiB": {0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00},
			}
		}
	case intake.SnappyFramed:
		out.Encode, out.bombs = encodeFramed, func(tb testing.TB) map[string][]byte {
			tb.Helper()
			return map[string][]byte{"many frames": encodeFramed(tb, make([]byte, 16<<20))}
		}
	default:
		out.Encode = func(_ testing.TB, b []byte) []byte { return s2.EncodeSnappy(nil, b) }
		out.bombs = func(testing.TB) map[string][]byte {
			return map[string][]byte{
				"claims 4 GiB": {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0},
				"zeros":        s2.EncodeSnappy(nil, make([]byte, 16<<20)),
			}
		}
	}
	return out
}

func encodeGzip(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	return written(tb, gzip.NewWriter(&buf), &buf, b)
}

func encodeZstd(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
	require.NoError(tb, err)
	return written(tb, w, &buf, b)
}

func encodeFramed(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	return written(tb, s2.NewWriter(&buf, s2.WriterSnappyCompat(), s2.WriterConcurrency(1)), &buf, b)
}

func written(tb testing.TB, w io.WriteCloser, buf *bytes.Buffer, b []byte) []byte {
	tb.Helper()
	_, err := w.Write(b)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return buf.Bytes()
}
