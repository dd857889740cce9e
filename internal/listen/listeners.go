// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Listeners are open sockets in the order of their table. They are not safe for concurrent use until Run.
type Listeners struct{ sockets []*Socket }

// Open opens a socket for each row. When a socket cannot be opened, the earlier ones are closed. Their counters go to reg.
func Open(ctx context.Context, table []Row, reg prometheus.Registerer) (*Listeners, error) {
	l := &Listeners{}
	for _, r := range table {
		s := &Socket{Row: r}
		if err := s.open(ctx, reg); err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.sockets = append(l.sockets, s)
	}
	return l, nil
}

// Close closes every socket, the last one first.
func (l *Listeners) Close() error {
	var err error
	for _, s := range slices.Backward(l.sockets) {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Of is the socket of a name, nil where there is none.
func (l *Listeners) Of(name string) *Socket {
	for _, s := range l.sockets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Loopback says whether every listener is reachable from this machine only.
func (l *Listeners) Loopback() bool {
	return !slices.ContainsFunc(l.sockets, func(s *Socket) bool { return !s.Loopback() })
}

// Addresses are where others reach the process, by the listeners' names.
func (l *Listeners) Addresses() map[string]string {
	out := map[string]string{}
	for _, s := range l.sockets {
		if s.Network != InProcess {
			out[s.Name] = s.Addr().String()
		}
	}
	return out
}

// Serve says what serves each socket. Run needs it.
func (l *Listeners) Serve(by func(*Socket) Server) {
	for _, s := range l.sockets {
		s.server = by(s)
	}
}

// Run serves every socket in g until it is shut down or ctx ends.
func (l *Listeners) Run(ctx context.Context, g *errgroup.Group) {
	for _, s := range l.sockets {
		g.Go(func() error {
			if err := s.server.Serve(s); err != nil {
				return fmt.Errorf("serve %s: %w", s.Name, err)
			}
			return nil
		})
	}
	context.AfterFunc(ctx, func() {
		for _, s := range l.sockets {
			_ = s.server.Close()
		}
	})
}

// Shutdown stops taking what is new and waits for what is under way until ctx ends.
func (l *Listeners) Shutdown(ctx context.Context) error {
	var g errgroup.Group
	for _, s := range l.sockets {
		g.Go(func() error {
			if err := s.server.Shutdown(ctx); err != nil {
				return fmt.Errorf("shut down %s: %w", s.Name, err)
			}
			return nil
		})
	}
	return g.Wait() // Wrapped above.
}
