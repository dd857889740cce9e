// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/middleware"
)

const (
	idMiddleware       = middleware.TypeName
	idEnrichMiddleware = enrich.TypeName + "/middleware"
)

// addMiddleware makes the pipeline of the middleware that is found on the host.
func (g *generator) addMiddleware() {
	c := g.cfg.Middleware
	if !c.Enabled {
		return
	}
	attrs := g.env.Host.Attributes(g.cfg.Attributes)
	r := c.Receiver(attrs["host.name"], g.cfg.Host.RootPath)
	static := make(list, len(r.Static))
	for i, s := range r.Static {
		static[i] = object{"kind": s.Kind, "address": s.Address}
	}
	g.receivers[idMiddleware] = object{
		"interval": r.Interval.String(), "discover_interval": r.DiscoverInterval.String(), "forget_after": r.ForgetAfter.String(),
		"credentials_file": r.CredentialsFile, "disable": stringsList(r.Disable), "static": static,
		"host_name": r.HostName, "proc_root": r.ProcRoot,
	}
	delete(attrs, "service.instance.id") // Each instance has its own.
	g.processors[idEnrichMiddleware] = object{"attributes": stringsObject(attrs), "override": true}
	g.pipeline("metrics/middleware", list{idMiddleware}, idEnrichMiddleware)
}
