// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/guard"
)

const (
	// maxQueryBytes and maxNesting bound an expression before the parser, which recurses, sees it.
	maxQueryBytes = 256 << 10
	maxNesting    = 200
	maxFormBytes  = 1 << 20
)

// guarded bounds the queries that run at once and the size of their expressions.
func guarded(next http.Handler, turns *guard.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/read") {
			next.ServeHTTP(w, r) // Remote read has its own bounds and a protobuf body.
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		if err := r.ParseForm(); err != nil {
			code := http.StatusBadRequest
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				code = http.StatusRequestEntityTooLarge
			}
			httpx.WritePrometheusError(w, code, httpx.PrometheusBadData, "read form: "+err.Error())
			return
		}
		for _, key := range []string{"query", "match[]"} {
			for _, expr := range r.Form[key] {
				if err := checkExpr(expr); err != nil {
					httpx.WritePrometheusError(w, http.StatusBadRequest, httpx.PrometheusBadData, err.Error())
					return
				}
			}
		}
		leave, err := turns.Enter(r.Context())
		var busy *guard.BusyError
		switch {
		case err == nil:
			defer leave()
			next.ServeHTTP(w, r)
		case errors.As(err, &busy):
			httpx.SetRetryAfter(w.Header(), busy.RetryAfter())
			httpx.WritePrometheusError(w, http.StatusServiceUnavailable, httpx.PrometheusUnavailable, busy.Error())
		default: // The client has left.
		}
	})
}

// checkExpr refuses an expression that is too long or nested too deep to be parsed.
func checkExpr(expr string) error {
	if len(expr) > maxQueryBytes {
		return fmt.Errorf("the expression has %d bytes, at most %d", len(expr), maxQueryBytes)
	}
	depth, quote := 0, byte(0)
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			if depth++; depth > maxNesting {
				return fmt.Errorf("the expression is nested more than %d deep", maxNesting)
			}
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	// A chain of unary signs nests as deep as parentheses do.
	for _, sign := range []string{"-", "+"} {
		if strings.Contains(strings.ReplaceAll(expr, " ", ""), strings.Repeat(sign, maxNesting)) {
			return fmt.Errorf("the expression has more than %d signs in a row", maxNesting)
		}
	}
	return nil
}
