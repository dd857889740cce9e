// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// selection reads query, start and end.
func (a *API) selection(r *http.Request, signal signal.Signal) (storage.Selection, error) {
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return storage.Selection{}, err
	}
	filter, err := search.Parse(signal, r.URL.Query().Get("query"))
	if err != nil {
		return storage.Selection{}, err
	}
	return storage.Selection{Tenant: tenant.FromContext(r.Context()), Filter: filter, Range: rng}, nil
}
