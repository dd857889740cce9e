// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/strata-apm/strata/storage"
)

// instanceCmd groups the commands about the processes that share a catalog.
type instanceCmd struct {
	List   instanceListCmd   `cmd:"" help:"List the processes of a spread-out installation. A lone strata all without a shared catalog registers nothing."`
	Forget instanceForgetCmd `cmd:"" help:"Forget a writer that is gone for good: queries no longer call their answers partial because of it."`
}

// instanceListCmd lists the processes.
type instanceListCmd struct{ serverFlags }

// Run implements the command.
func (c *instanceListCmd) Run(ctx context.Context, s streams) error {
	var list []storage.Instance
	err := c.withExistingCatalog(ctx, func(cat commandCatalog) (err error) {
		list, err = cat.ListInstances(ctx, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(s.out, "no processes: those of a spread-out installation are listed; a lone strata all without a shared catalog registers nothing")
		return err // Writing to standard output.
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tROLE\tURL\tVERSION\tSEEN")
	for _, in := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", in.ID, in.Role, in.URL, in.Version, in.SeenAt.Format(time.DateTime))
	}
	return w.Flush() // Writing to standard output.
}

// instanceForgetCmd forgets a process.
type instanceForgetCmd struct {
	serverFlags
	ID string `arg:"" help:"The process's id, as list prints it."`
}

// Run implements the command.
func (c *instanceForgetCmd) Run(ctx context.Context, s streams) error {
	err := c.withExistingCatalog(ctx, func(cat commandCatalog) error {
		list, err := cat.ListInstances(ctx, 0)
		if err == nil && !slices.ContainsFunc(list, func(in storage.Instance) bool { return in.ID == c.ID }) {
			err = storage.ErrNotFound
		}
		if err == nil {
			err = cat.DeleteInstance(ctx, c.ID)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("forget %s: %w", c.ID, err)
	}
	_, err = fmt.Fprintln(s.out, "forgotten")
	return err // Writing to standard output.
}
