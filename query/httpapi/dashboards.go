// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"fmt"
	"net/http"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/dashboards"
)

type dashboardsAnswer struct {
	Dashboards []dashboardSummary `json:"dashboards"`
	Warnings   []string           `json:"warnings"`
}

type dashboardSummary struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Panels int    `json:"panels"`
}

// dashboardAnswer is a dashboard as it is.
type dashboardAnswer = dashboard.Dashboard

func (a *API) dashboards(*http.Request) (any, error) {
	all, err := dashboards.BuiltIn()
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	answer := dashboardsAnswer{Dashboards: make([]dashboardSummary, len(all)), Warnings: []string{}}
	for i, d := range all {
		answer.Dashboards[i] = dashboardSummary{Name: d.Name, Title: d.Title, Panels: len(d.Panels)}
	}
	return answer, nil
}

func (a *API) dashboard(r *http.Request) (any, error) {
	return dashboards.Get(httpx.PathParam(r, "name")) // It says which.
}
