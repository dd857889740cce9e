// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
)

func codings() []intake.Coding {
	return []intake.Coding{intake.Gzip, intake.Zstd, intake.SnappyBlock, intake.SnappyFramed}
}

func request(tb testing.TB, body io.Reader, encodings ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", body)
	r.Header["Content-Encoding"] = encodings
	return r
}

// requireFree says that nobody holds memory.
func requireFree(tb testing.TB, in *intake.Intake) {
	tb.Helper()
	all, err := in.Claim(make([]byte, intaketest.InFlight))
	require.NoError(tb, err)
	all.Release()
}

// TestReadHTTP: a body of any size up to the limit is read in every coding, and one byte more is not.
func TestReadHTTP(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	random := make([]byte, intaketest.MaxBody+1)
	for i := range random {
		random[i] = byte(i * i / 7)
	}
	for _, size := range []int{0, 1, 1000, 256 << 10, 256<<10 + 1, intaketest.MaxBody - 1, intaketest.MaxBody, intaketest.MaxBody + 1} {
		plain := random[:size]
		requests := map[string]*http.Request{"none": request(t, bytes.NewReader(plain)), "identity": request(t, bytes.NewReader(plain), "Identity")}
		for _, c := range codings() {
			coded := intaketest.CodingOf(c).Encode(t, plain)
			requests[c.String()] = request(t, bytes.NewReader(coded), c.String())
			requests[c.String()+" of unknown size"] = request(t, io.MultiReader(bytes.NewReader(coded)), c.String())
		}
		for name, r := range requests {
			body, err := in.ReadHTTP(r, codings()...)
			if size > intaketest.MaxBody {
				require.ErrorIs(t, err, intake.ErrTooLarge, name)
				require.Nil(t, body)
				continue
			}
			require.NoError(t, err, "%s %d", name, size)
			require.True(t, bytes.Equal(plain, body.Bytes), "%s %d", name, size)
			body.Release()
		}
		requireFree(t, in)
	}
}

func TestNamesOfCodings(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	gzip, zstd := intaketest.CodingOf(intake.Gzip).Encode(t, []byte("x")), intaketest.CodingOf(intake.Zstd).Encode(t, []byte("x"))
	for name, body := range map[string][]byte{
		"GZIP": gzip, "x-gzip": gzip, "X-GZip": gzip, " gzip ": gzip, "identity, gzip": gzip, "gzip,": gzip, "Zstd": zstd, "": []byte("x"), "identity": []byte("x"), "Identity,": []byte("x"),
	} {
		got, err := in.ReadHTTP(request(t, bytes.NewReader(body), name), intake.Gzip, intake.Zstd)
		require.NoError(t, err, name)
		require.Equal(t, "x", string(got.Bytes), name)
		got.Release()
	}
	for _, names := range [][]string{{"br"}, {"gzip, gzip"}, {"gzip, zstd"}, {"gzip", "zstd"}, {"deflate"}, {"compress"}, {"snappy"}, {"x-snappy-framed"}} {
		_, err := in.ReadHTTP(request(t, bytes.NewReader(gzip), names...), intake.Gzip, intake.Zstd)
		require.ErrorIs(t, err, intake.ErrUnsupported, names)
		require.ErrorContains(t, err, "want gzip or zstd or none")
	}
	require.Equal(t, "identity", intake.Coding(0).String())
}

// TestBrokenBodies: whatever is cut off or made up is malformed, and holds no memory afterwards.
func TestBrokenBodies(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	text := []byte(strings.Repeat("what is sent ", 1000))
	for _, c := range codings() {
		coded := intaketest.CodingOf(c).Encode(t, text)
		for _, body := range [][]byte{coded[:len(coded)-3], coded[:len(coded)/2], coded[:1], []byte("hello"), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
			_, err := in.ReadHTTP(request(t, bytes.NewReader(body), c.String()), c)
			require.ErrorIs(t, err, intake.ErrMalformed, "%s %x", c, body[:min(10, len(body))])
		}
		requireFree(t, in)
	}
}

// TestBodyThatDoesNotCome: what did not come in time is asked for again, what broke off is not.
func TestBodyThatDoesNotCome(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	for _, c := range append(codings(), 0) {
		_, err := in.ReadHTTP(request(t, io.MultiReader(strings.NewReader(""), failing{os.ErrDeadlineExceeded}), c.String()), codings()...)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, c)
		require.Equal(t, intake.RetryAfter, intake.AnswerOf(err).RetryAfter, c)
		require.Equal(t, http.StatusServiceUnavailable, intake.AnswerOf(err).HTTP, c)
		_, err = in.ReadHTTP(request(t, failing{errors.New("reset")}, c.String()), codings()...)
		require.ErrorIs(t, err, intake.ErrMalformed, c)
	}
	requireFree(t, in)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBudget: memory is claimed before it is allocated, by the piece; what finds none is busy, and gives back what it had.
func TestBudget(t *testing.T) {
	in, _ := intaketest.New(t, nil)
	plain := make([]byte, intaketest.MaxBody)
	for _, c := range codings() {
		coded := intaketest.CodingOf(c).Encode(t, plain)
		for _, left := range []int{0, 100, 300 << 10} {
			held, err := in.Claim(make([]byte, intaketest.InFlight-left))
			require.NoError(t, err)
			_, err = in.ReadHTTP(request(t, bytes.NewReader(coded), c.String()), c)
			require.ErrorIs(t, err, intake.ErrBusy, "%s, %d bytes left", c, left)
			held.Release()
			requireFree(t, in)
		}
	}
	_, err := in.Claim(make([]byte, intaketest.InFlight+1))
	require.ErrorIs(t, err, intake.ErrBusy)
	require.EqualValues(t, intaketest.MaxBody, in.MaxBody())
}

// TestZstdWindow: a frame's header does not make the decoder allocate.
func TestZstdWindow(t *testing.T) {
	zr, err := intake.NewZstdReader(bytes.NewReader([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00}))
	require.NoError(t, err)
	defer zr.Close()
	_, err = io.ReadAll(zr)
	require.ErrorContains(t, err, "window size exceeded")
}

// FuzzReadHTTP: no body does more than be refused.
func FuzzReadHTTP(f *testing.F) {
	in, _ := intaketest.New(f, nil)
	for i, c := range codings() {
		f.Add(intaketest.CodingOf(c).Encode(f, []byte("what is sent")), byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		c := codings()[int(which)%len(codings())]
		body, err := in.ReadHTTP(request(t, bytes.NewReader(b), c.String()), c)
		if err == nil {
			require.LessOrEqual(t, len(body.Bytes), intaketest.MaxBody)
			body.Release()
		}
		requireFree(t, in)
	})
}
