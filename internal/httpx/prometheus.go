// SPDX-License-Identifier: Apache-2.0

package httpx

import "net/http"

// PrometheusAnswer is the envelope of Prometheus's HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview).
type PrometheusAnswer struct {
	// Status is "success" or "error".
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
}

// Error types of Prometheus's API.
const (
	PrometheusBadData     = "bad_data"
	PrometheusNotFound    = "not_found"
	PrometheusUnavailable = "unavailable"
)

// WritePrometheus answers with data in Prometheus's envelope.
func WritePrometheus(w http.ResponseWriter, data any, warnings []string) {
	WriteJSON(w, http.StatusOK, PrometheusAnswer{Status: "success", Data: data, Warnings: warnings})
}

// WritePrometheusError answers with an error in Prometheus's envelope.
func WritePrometheusError(w http.ResponseWriter, status int, errorType, message string) {
	WriteJSON(w, status, PrometheusAnswer{Status: "error", ErrorType: errorType, Error: message})
}
