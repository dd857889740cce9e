// SPDX-License-Identifier: Apache-2.0

package access

import (
	"net/http"
	"sync"
	"time"

	"github.com/rs/cors"
	"golang.org/x/time/rate"

	"github.com/strata-apm/strata/internal/config"
)

// newCORS lets pages of the allowed origins send; nil where none is allowed. Cookies are never sent along.
func newCORS(c config.CORS) *cors.Cors {
	if len(c.AllowedOrigins) == 0 {
		return nil
	}
	return cors.New(cors.Options{
		AllowedOrigins: c.AllowedOrigins, AllowedMethods: []string{http.MethodPost}, AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"Retry-After"}, MaxAge: int(c.MaxAge.Seconds()), AllowPrivateNetwork: true,
	})
}

// maxClients bounds the memory of browserLimits; past it idle clients are forgotten, and all of them when none is idle.
const maxClients = 20_000

// browserLimits hold what pages may send: everybody can read a key out of a page. Safe for concurrent use.
type browserLimits struct {
	cfg config.BrowserKeys
	now func() time.Time

	mu      sync.Mutex
	clients map[browser]*rate.Limiter // guarded by mu
}

// browser is one sender of a key; without an address it is all of them together.
type browser struct{ key, addr string }

func newBrowserLimits(cfg config.BrowserKeys) *browserLimits {
	return &browserLimits{cfg: cfg, now: time.Now, clients: map[browser]*rate.Limiter{}}
}

// wait returns how long the sender has to wait, 0 when the request is taken.
func (b *browserLimits) wait(key, addr string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	own := b.limiter(browser{key, addr}, b.cfg.RequestsPerAddress, now)
	if d := reserve(own, now); d > 0 {
		return d
	}
	return reserve(b.limiter(browser{key: key}, b.cfg.RequestsPerKey, now), now)
}

func reserve(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// limiter is called under mu. The burst is ten seconds' worth, because pages send when they are left.
func (b *browserLimits) limiter(of browser, perSecond float64, now time.Time) *rate.Limiter {
	if l, ok := b.clients[of]; ok {
		return l
	}
	if len(b.clients) >= maxClients {
		for k, l := range b.clients {
			if l.TokensAt(now) >= float64(l.Burst()) {
				delete(b.clients, k)
			}
		}
		if len(b.clients) >= maxClients {
			clear(b.clients)
		}
	}
	l := rate.NewLimiter(rate.Limit(perSecond), max(1, int(10*perSecond)))
	b.clients[of] = l
	return l
}
