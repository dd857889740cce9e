// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/strata-apm/strata/storage"
)

// exception is an answer of ClickHouse that is not a result.
type exception struct {
	status  int
	code    int
	message string
}

func (e *exception) Error() string { return e.message }

var codePattern = regexp.MustCompile(`Code: (\d+)\.`)

func newException(status int, body string) *exception {
	e := &exception{status: status, message: strings.TrimSpace(body)}
	if m := codePattern.FindStringSubmatch(body); m != nil {
		e.code, _ = strconv.Atoi(m[1])
	}
	const longest = 2000
	if len(e.message) > longest {
		e.message = e.message[:longest] + "…"
	}
	return e
}

// Codes of ClickHouse's ErrorCodes.cpp that mean something here.
const (
	codeTimeout          = 159
	codeTooSlow          = 160
	codeTooManyRows      = 158
	codeTooManyBytes     = 307
	codeTooManyRowsOrB   = 396
	codeMemory           = 241
	codeTooManyParts     = 252
	codeTooManyQueries   = 202
	codeCancelled        = 394
	codeReadonly         = 242 // the table is read-only for now
	codeNoSpace          = 243
	codeNetwork          = 210
	codeAborted          = 236
	codeKeeper           = 999
	codeRegexp           = 427
	codeQueryTooComplex  = 168
	codeTooDeep          = 167
	codeTooDeepRecursion = 306
	codeSetTooBig        = 191
	codeSocketTimeout    = 209
)

// dataCode says whether an error is the data's doing, so that the same batch can never be stored. Everything else is about the server, its
// disk, its cluster, its tables or our rights there, and the batch waits until that is mended: what waits is not lost. Names are those of
// ErrorCodes.cpp.
func dataCode(code int) bool {
	switch code {
	case 6, 25, 26, 27, 38, 40, 41, 72, 376, 467, // CANNOT_PARSE_…
		33, 53, 69, 70, 117, 128, 131, 349, 469: // CANNOT_READ_ALL_DATA, TYPE_MISMATCH, …OUT_OF_BOUND, INCORRECT_DATA, TOO_LARGE_…, VIOLATED_CONSTRAINT
		return true
	default:
		return false
	}
}

// writeError turns the outcome of a statement or an insert into an error of package storage's kinds: an error that may be gone later wraps
// storage.ErrUnavailable, an error that the data is to blame for does not.
func writeError(err error) error {
	if err == nil || errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	var ex *exception
	if !errors.As(err, &ex) {
		// No answer came, so nothing is known about the rows; the deduplication token makes a retry safe.
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	tooManyDays := ex.code == codeTooManyParts && strings.Contains(ex.message, "single INSERT block") // The batch spans too many days.
	if tooManyDays || dataCode(ex.code) || ex.code == 0 && ex.status < 500 && ex.status != 429 {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
}

// ErrMemory is the error of a query that ClickHouse stopped because of its memory; fewer rows may need less.
var ErrMemory = errors.New("the query needs more memory than allowed")

// readError turns the outcome of a query into an error of package storage's kinds, or into the context's where ctx has ended.
func readError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return fmt.Errorf("query stopped: %w", ctxErr)
	}
	for _, kind := range []error{storage.ErrUnavailable, storage.ErrLimit, storage.ErrBadQuery, storage.ErrInvalid, storage.ErrNotFound} {
		if errors.Is(err, kind) {
			return err
		}
	}
	var code int
	var message string
	var ex *clickhouse.Exception
	var own *exception
	switch {
	case errors.As(err, &ex):
		code, message = int(ex.Code), ex.Message
	case errors.As(err, &own):
		code, message = own.code, own.message
	default:
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	switch code {
	case codeTimeout, codeTooSlow:
		return fmt.Errorf("%w: the query ran longer than allowed; narrow the time range or the filter (%s)", storage.ErrLimit, message)
	case codeTooManyRows, codeTooManyBytes, codeTooManyRowsOrB, codeSetTooBig:
		return fmt.Errorf("%w: the query reads or returns more rows than allowed; narrow the time range or the filter (%s)", storage.ErrLimit, message)
	case codeMemory:
		return fmt.Errorf("%w: %w; narrow the time range or the filter (%s)", storage.ErrLimit, ErrMemory, message)
	case codeRegexp, codeTooDeep, codeQueryTooComplex, codeTooDeepRecursion:
		return fmt.Errorf("%w: %s", storage.ErrBadQuery, message)
	case codeTooManyQueries, codeNetwork, codeAborted, codeCancelled, codeSocketTimeout, codeNoSpace, codeReadonly, codeKeeper,
		225, 254, 265, 279, 369, 519, 904: // No replica of a shard answers.
		return fmt.Errorf("%w: %s", storage.ErrUnavailable, message)
	default:
		return fmt.Errorf("query clickhouse: %w", err)
	}
}
