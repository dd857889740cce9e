// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/storage"
)

type packsAnswer struct {
	Packs []packSummary `json:"packs"`
}

type packSummary struct {
	Name     string             `json:"name"`
	Title    string             `json:"title"`
	Budget   int                `json:"budget"`
	Versions string             `json:"versions"`
	Access   string             `json:"access"`
	More     string             `json:"more"`
	Figures  []dashboard.Figure `json:"figures"`
}

// packAnswer is a pack as it is: the metrics, the dashboard, the rules as a Prometheus rule file.
type packAnswer = packs.Pack

func (a *API) packs(*http.Request) (any, error) {
	all, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	answer := packsAnswer{Packs: make([]packSummary, len(all))}
	for i, p := range all {
		answer.Packs[i] = packSummary{
			Name: p.Name, Title: p.Title, Budget: p.Budget, Versions: p.Versions, Access: p.Access, More: p.More, Figures: orEmpty(p.Dashboard.Figures),
		}
	}
	return answer, nil
}

func (a *API) pack(r *http.Request) (any, error) {
	p, err := packs.Get(httpx.PathParam(r, "name"))
	if errors.Is(err, packs.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", storage.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read pack: %w", err)
	}
	return p, nil
}
