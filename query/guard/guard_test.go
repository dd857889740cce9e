// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(2, 5*time.Second)
		first, err := g.Enter(t.Context())
		require.NoError(t, err)
		second, err := g.Enter(t.Context())
		require.NoError(t, err)

		started := time.Now()
		_, err = g.Enter(t.Context())
		var busy *BusyError
		require.ErrorAs(t, err, &busy)
		require.Equal(t, 2, busy.Limit)
		require.Equal(t, 5*time.Second, time.Since(started), "it waited")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = g.Enter(ctx)
		require.ErrorIs(t, err, context.Canceled)

		errs := make(chan error, 100)
		for range 2 * waitingPerRunning {
			go func() {
				leave, err := g.Enter(t.Context())
				errs <- err
				if err == nil {
					leave()
				}
			}()
		}
		synctest.Wait()
		_, err = g.Enter(t.Context())
		require.ErrorAs(t, err, &busy, "as many wait as may")
		first()
		second()
		for range 2 * waitingPerRunning {
			require.NoError(t, <-errs)
		}
	})
}
