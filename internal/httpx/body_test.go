// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadJSON(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
	}{
		{"one object", `{"a":"x"}`, 0},
		{"space after it", "{\"a\":\"x\"}\n ", 0},
		{"empty", "", 400},
		{"cut off", `{"a":`, 400},
		{"unknown field", `{"b":1}`, 400},
		{"a second object", `{"a":"x"}{"a":"y"}`, 400},
		{"text after it", `{"a":"x"} and more`, 400},
		{"NUL after it", "{\"a\":\"x\"}\x00", 400},
		{"too large within", `{"a":"` + strings.Repeat("x", 100) + `"}`, 413},
		{"too large after", `{"a":"x"}` + strings.Repeat(" ", 100), 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var v struct {
				A string `json:"a"`
			}
			err := ReadJSON(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(tc.body)), 50, &v)
			if tc.status == 0 {
				require.NoError(t, err)
				require.Equal(t, "x", v.A)
				return
			}
			var bad *Error
			require.ErrorAs(t, err, &bad, "%v", err)
			require.Equal(t, tc.status, bad.Status)
		})
	}
}
