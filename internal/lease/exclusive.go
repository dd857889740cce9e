// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"fmt"
	"time"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/storage"
)

// exclusiveTTL is how long an exclusive lease outlives its holder's death.
const exclusiveTTL = 30 * time.Second

// Exclusive waits until holder has the lease of this name, and keeps it until release is called. The context it returns ends when it is
// released, and when the lease could not be renewed in time: another process may have it then. The error is ctx's, or the store's.
func Exclusive(ctx context.Context, store storage.LeaseStore, name, holder string) (held context.Context, release func(), err error) {
	until, err := acquire(ctx, store, name, holder)
	for pause := backoff.New(100*time.Millisecond, 2*time.Second); err == nil && until.IsZero(); until, err = acquire(ctx, store, name, holder) {
		if err = pause.Wait(ctx); err != nil {
			break
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("take the lease %s: %w", name, err)
	}
	held, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		keep(held, cancel, store, storage.Lease{Name: name, Holder: holder}, until)
	}()
	return held, func() {
		cancel()
		<-done
		freeing, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_ = store.ReleaseLeases(freeing, holder, []string{name}) // It ends by itself.
	}, nil
}

// acquire asks once. until is when the lease ends, counted from before the question; zero when another has it.
func acquire(ctx context.Context, store storage.LeaseStore, name, holder string) (until time.Time, err error) {
	asked := time.Now()
	got, err := store.AcquireLeases(ctx, holder, []string{name}, exclusiveTTL)
	if err != nil || len(got) == 0 {
		return time.Time{}, err
	}
	return asked.Add(exclusiveTTL), nil
}

// keep renews a lease until ctx ends, and ends it with cancel when the lease has run out.
func keep(ctx context.Context, cancel context.CancelFunc, store storage.LeaseStore, l storage.Lease, until time.Time) {
	defer cancel()
	for backoff.Sleep(ctx, exclusiveTTL/6) == nil {
		next, err := acquire(ctx, store, l.Name, l.Holder)
		switch {
		case err == nil && next.IsZero(): // Another has it: this process was away for longer than the lease lasts.
			return
		case err == nil:
			until = next
		case !time.Now().Before(until):
			return
		}
	}
}
