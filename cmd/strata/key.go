// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// keyCmd groups the commands about keys.
type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Create a key and print it once."`
	List   keyListCmd   `cmd:"" help:"List keys; their secrets are not kept."`
	Revoke keyRevokeCmd `cmd:"" help:"Revoke a key at once."`
}

// keyCreateCmd creates a key.
type keyCreateCmd struct {
	serverFlags
	Scope     string        `required:"" enum:"ingest,read,admin,browser" help:"ingest, read, admin, or browser for a key that stands in a web page."`
	Name      string        `required:"" help:"Who uses it; the ledger counts by this name."`
	Tenant    string        `default:"default" help:"Whose data it sends or reads: lower-case letters, digits and hyphens. A tenant comes into being with its first key."`
	ExpiresIn time.Duration `help:"How long it is valid, such as 720h (default: for ever)."`
}

// Run implements the command.
func (c *keyCreateCmd) Run(ctx context.Context, s streams) error {
	owner, err := tenant.Parse(c.Tenant)
	if err != nil {
		return fmt.Errorf("create key: --tenant: %w", err)
	}
	var secret string
	err = c.withCatalog(ctx, func(cat commandCatalog) (err error) {
		_, secret, err = auth.CreateKey(ctx, cat, auth.KeyRequest{Name: c.Name, Scope: auth.Scope(c.Scope), Tenant: owner, ExpiresIn: c.ExpiresIn})
		return err
	})
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	_, err = fmt.Fprintln(s.out, secret)
	return err // Writing to standard output.
}

// keyListCmd lists the keys.
type keyListCmd struct{ serverFlags }

// Run implements the command.
func (c *keyListCmd) Run(ctx context.Context, s streams) error {
	var keys []storage.Key
	err := c.withExistingCatalog(ctx, func(cat commandCatalog) (err error) {
		keys, err = cat.ListKeys(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tTENANT\tNAME\tSCOPE\tKEY\tCREATED\tSTATE")
	for _, k := range keys {
		state := "valid"
		switch {
		case !k.RevokedAt.IsZero():
			state = "revoked"
		case !k.ExpiresAt.IsZero() && time.Now().After(k.ExpiresAt):
			state = "expired"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s…\t%s\t%s\n", k.ID, k.Tenant, k.Name, k.Scope, k.Prefix, k.CreatedAt.Format(time.DateTime), state)
	}
	return w.Flush() // Writing to standard output.
}

// keyRevokeCmd revokes a key.
type keyRevokeCmd struct {
	serverFlags
	ID string `arg:"" help:"The key's id, as list prints it."`
}

// Run implements the command.
func (c *keyRevokeCmd) Run(ctx context.Context, s streams) error {
	if err := c.withExistingCatalog(ctx, func(cat commandCatalog) error { return cat.RevokeKey(ctx, c.ID, time.Now()) }); err != nil {
		return fmt.Errorf("revoke key %s: %w", c.ID, err)
	}
	_, err := fmt.Fprintln(s.out, "revoked")
	return err // Writing to standard output.
}
