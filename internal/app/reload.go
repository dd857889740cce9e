// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// reloadOnHangup reads the rule files again on SIGHUP, until ctx ends. Without it they are looked at every 15 s.
func (a *App) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			if err := a.alerting.Reload(ctx); err != nil {
				a.logger.Error("rules not reloaded", "err", err)
			}
		}
	}
}
