// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"net/http"
	"strings"

	v1 "github.com/prometheus/prometheus/web/api/v1"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/tenant"
)

// buildInfo is asked by Grafana before anything else, and says nothing of anybody's data.
const buildInfo = "/status/buildinfo"

// guest says whether a request is for a tenant other than the default one.
func guest(ctx context.Context) bool { return tenant.FromContext(ctx).OrDefault() != tenant.Default }

// perTenant refuses to tenants what is known of the installation alone: its flags, its runtime, the size of its tsdb.
func perTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if guest(r.Context()) && strings.HasPrefix(r.URL.Path, "/status/") && r.URL.Path != buildInfo {
			httpx.WritePrometheusError(w, http.StatusForbidden, "forbidden", r.URL.Path+" tells of the installation; it needs a key of the tenant "+string(tenant.Default))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rulesFor returns the rules that a request sees. Rules are the default tenant's.
func (o Options) rulesFor(ctx context.Context) v1.RulesRetriever {
	if guest(ctx) {
		return noRules{}
	}
	return o.Rules
}
