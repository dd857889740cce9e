// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/middleware"
)

type middlewareAnswer struct {
	Instances []middlewareInstance `json:"instances"`
	Warnings  []string             `json:"warnings"`
}

type middlewareInstance struct {
	Kind  string `json:"kind"`
	Title string `json:"title"`
	// Instance is the label "instance": host:port.
	Instance string           `json:"instance"`
	Host     string           `json:"host"`
	Agent    string           `json:"agent"`
	Version  string           `json:"version"`
	State    middleware.State `json:"state" enum:"collecting,limited,failed,down"`
	// Since is null where the agent does not say.
	Since   *time.Time       `json:"since"`
	Figures []instanceFigure `json:"figures"`
	// MissingCount is how many things could be collected with more access; Missing describes those that the agent tells.
	MissingCount int                  `json:"missing_count"`
	Missing      []middleware.Missing `json:"missing"`
	Error        string               `json:"error"`
	Series       *int                 `json:"series"`
}

type instanceFigure struct {
	Title string   `json:"title"`
	Unit  string   `json:"unit" enum:"number,percent,bytes,bytes/s,rate,s"`
	Value *float64 `json:"value"`
}

func (a *API) middleware(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, a.now())
	if err != nil {
		return nil, err
	}
	list, err := a.opts.Middleware.List(r.Context(), rng.End)
	if err != nil {
		return nil, err
	}
	answer := middlewareAnswer{Instances: []middlewareInstance{}, Warnings: orEmpty(list.Warnings)}
	for _, in := range list.Instances {
		answer.Instances = append(answer.Instances, instanceOf(in))
	}
	return answer, nil
}

func instanceOf(in middleware.Instance) middlewareInstance {
	out := middlewareInstance{
		Kind: in.Kind, Title: in.Title, Instance: in.Name, Host: in.Host, Agent: in.Agent, Version: in.Version, State: in.State,
		Figures: []instanceFigure{}, MissingCount: in.MissingCount, Missing: orEmpty(in.Missing), Error: in.Error, Series: in.Series,
	}
	if !in.Since.IsZero() {
		out.Since = &in.Since
	}
	for _, f := range in.Figures {
		out.Figures = append(out.Figures, instanceFigure(f))
	}
	return out
}
