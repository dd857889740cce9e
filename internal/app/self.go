// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/selfmon"
)

// selfEndpoint is a name for the connection within the process.
const selfEndpoint = "passthrough:///self"

// openSelf sends the process's own telemetry to its own intake, past the ports and their TLS, or where the configuration says when it has none.
func (a *App) openSelf(ctx context.Context) (*selfmon.Telemetry, error) {
	opts := selfmon.Options{
		Version: a.opts.Version, Instance: a.instance, Ratio: a.cfg.Self.TraceRatio, Interval: a.cfg.Self.Interval, Gatherer: a.reg,
	}
	endpoint, secure := strings.CutPrefix(a.cfg.Self.Endpoint, "https://")
	credentials := ""
	switch {
	case !a.cfg.Self.Enabled:
		return selfmon.Off(), nil
	case a.opts.Role.Is(config.RoleGateway):
		a.selfKey = auth.NewSelf(selfmon.ServiceName)
		endpoint, secure, credentials = selfEndpoint, false, a.selfKey.Header()
		opts.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return a.listeners.Of(selfListener).DialContext(ctx)
		}
	case endpoint == "":
		return selfmon.Off(), nil
	default:
		secret, err := a.internalKey(ctx, auth.ScopeIngest)
		if err != nil {
			return nil, err
		}
		credentials = "Bearer " + secret
	}
	if secure {
		opts.TLS = a.tls.peers
	}
	opts.Endpoint, opts.Headers = endpoint, map[string]string{"authorization": credentials}
	t, err := selfmon.Start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("start self-monitoring: %w", err)
	}
	a.logs.Tee(t.Logs)
	return t, nil
}
