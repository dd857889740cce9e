// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/strata-apm/strata/internal/access"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
)

// newAccess makes what knows who somebody is and what they may send. A server that nobody can administer yet prints the link to sign in with.
func (a *App) newAccess(ctx context.Context) error {
	cat := a.stores.catalog
	var err error
	a.auth, err = auth.New(auth.Options{
		Mode: auth.Mode(a.cfg.Auth.Local), Logger: a.logger.With("part", "auth"), Self: a.selfKey,
		SecureCookie: strings.HasPrefix(strings.ToLower(a.cfg.HTTP.ExternalURL), "https://"),
		Store:        auth.Store{Keys: cat, Writer: cat, Sessions: cat, Signin: cat},
	})
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	a.senders = access.New(a.auth, a.cfg.OTLP)
	if a.authMode() == auth.ModeOpen || !a.opts.Role.Is(config.RoleQuery) {
		return nil // Open to this machine, or without a page to sign in to.
	}
	link, err := a.auth.Setup(ctx, a.externalURL())
	if err != nil {
		return fmt.Errorf("prepare the first sign-in: %w", err)
	}
	if link != "" {
		_, _ = fmt.Fprintf(a.opts.Stdout, "Nobody can administer this server yet. Sign in once with this link, then create a key:\n  %s\n", link)
	}
	return nil
}

// authMode is how requests without credentials are answered: a process with a listener that others reach asks everybody.
func (a *App) authMode() auth.Mode {
	if !a.listeners.Loopback() {
		return auth.ModeRequired
	}
	return auth.Mode(a.cfg.Auth.Local)
}

// externalURL is where people reach the page.
func (a *App) externalURL() string { return cmp.Or(a.cfg.HTTP.ExternalURL, a.ownURL()) }
