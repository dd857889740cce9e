// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxQueryBytes and maxNesting bound an expression before the parser, which recurses, sees it.
	maxQueryBytes = 256 << 10
	maxNesting    = 200
	maxFormBytes  = 1 << 20
)

// guard bounds the queries that run at once and the size of their expressions.
func guard(next http.Handler, cfg Config) http.Handler {
	slots := make(chan struct{}, cfg.MaxConcurrent)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/read") {
			next.ServeHTTP(w, r) // Remote read has its own bounds and a protobuf body.
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		if err := r.ParseForm(); err != nil {
			respondError(w, http.StatusBadRequest, "bad_data", "read form: "+err.Error())
			return
		}
		for _, key := range []string{"query", "match[]"} {
			for _, expr := range r.Form[key] {
				if err := checkExpr(expr); err != nil {
					respondError(w, http.StatusBadRequest, "bad_data", err.Error())
					return
				}
			}
		}
		wait := time.NewTimer(cfg.QueueTimeout)
		defer wait.Stop()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		case <-wait.C:
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(cfg.QueueTimeout.Seconds()))))
			respondError(w, http.StatusServiceUnavailable, "unavailable",
				fmt.Sprintf("%d queries are running, the limit; try again", cfg.MaxConcurrent))
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

// respondError answers in the form of the Prometheus API.
func respondError(w http.ResponseWriter, code int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": message}) // The client may have left.
}
