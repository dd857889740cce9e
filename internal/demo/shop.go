// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// serviceDef is one service of the shop. Its language decides which runtime metrics it has.
type serviceDef struct {
	name, version, language string
	hosts                   []string
}

func serviceDefs() []serviceDef {
	return []serviceDef{
		{name: "gateway", version: "3.4.0", language: "nodejs", hosts: []string{"demo-web-1", "demo-web-2"}},
		{name: "cart", version: "1.9.2", language: "go", hosts: []string{"demo-web-1", "demo-web-2"}},
		{name: "checkout", version: "2.1.0", language: "java", hosts: []string{"demo-web-1", "demo-web-2"}},
		{name: "payment", version: "2.0.7", language: "java", hosts: []string{"demo-db-1"}},
		{name: "inventory", version: "1.2.0", language: "go", hosts: []string{"demo-db-1", "demo-web-2"}},
		{name: "recommendation", version: "0.8.1", language: "python", hosts: []string{"demo-web-1"}},
	}
}

// shop is the set of running instances. visit and its callees are used by one goroutine.
type shop struct {
	instances map[string][]*instance
	rng       *rand.Rand
	sw        *switches
	traces    int
	// recordMetrics is off while the past is made up.
	recordMetrics bool
}

func newShop(out *output, opts Options, sw *switches) (*shop, error) {
	s := &shop{
		instances:     make(map[string][]*instance),
		rng:           rand.New(rand.NewPCG(opts.Seed, 0x5409)), //nolint:gosec // Must be repeatable, not secret.
		sw:            sw,
		recordMetrics: true,
	}
	hosts := make(map[string]bool)
	for _, def := range serviceDefs() {
		for i, host := range def.hosts {
			in, err := newInstance(out, def, i, host, sw)
			if err != nil {
				return nil, err
			}
			s.instances[def.name] = append(s.instances[def.name], in)
			hosts[host] = true
		}
	}
	for host := range hosts {
		if err := newHost(out, host, opts.Seed, sw); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shop) pick(service string) *instance {
	all := s.instances[service]
	return all[s.rng.IntN(len(all))]
}

// visit is one request of a customer and everything it causes: one trace that begins at the given time.
func (s *shop) visit(at time.Time) {
	s.traces++
	j := &journey{shop: s, now: at}
	ctx := context.Background()
	product := fmt.Sprintf("SKU-%04d", s.rng.IntN(400))
	user := fmt.Sprintf("user-%03d", s.rng.IntN(500))
	gateway := s.pick("gateway")
	switch n := s.rng.IntN(100); {
	case n < 25:
		j.serve(ctx, gateway, endpoint{"GET", "/", "/"}, func(ctx context.Context) error { return j.home(ctx, gateway, user) })
	case n < 62:
		j.serve(ctx, gateway, endpoint{"GET", "/products/{id}", "/products/" + product}, func(ctx context.Context) error {
			return j.product(ctx, gateway, product, user)
		})
	case n < 64: // A mistyped address.
		j.serve(ctx, gateway, endpoint{"GET", "/products/{id}", "/products/none"}, func(context.Context) error { return failure{code: 404, text: "no such product"} })
	case n < 84:
		j.serve(ctx, gateway, endpoint{"POST", "/cart/items", "/cart/items"}, func(ctx context.Context) error {
			return j.addToCart(ctx, gateway, product, user)
		})
	default:
		j.serve(ctx, gateway, endpoint{"POST", "/checkout", "/checkout"}, func(ctx context.Context) error {
			return j.checkout(ctx, gateway, user)
		})
	}
}

func (j *journey) home(ctx context.Context, gateway *instance, user string) error {
	// A page without recommendations is still a page.
	if err := j.recommend(ctx, gateway, user); err != nil {
		j.log(ctx, gateway, levelWarn, "page shown without recommendations", attribute.String("user.id", user))
	}
	j.spend(2, 6)
	return nil
}

func (j *journey) product(ctx context.Context, gateway *instance, product, user string) error {
	err := j.call(ctx, gateway, "inventory", endpoint{"GET", "/stock/{sku}", "/stock/" + product}, func(ctx context.Context, in *instance) error {
		if j.redis(ctx, in, "GET", "stock:"+product) {
			return nil
		}
		return j.mysql(ctx, in, query{"SELECT", "stock", "SELECT quantity, price FROM stock WHERE sku = ?"})
	})
	if err != nil {
		return err
	}
	if err := j.recommend(ctx, gateway, user); err != nil {
		j.log(ctx, gateway, levelWarn, "page shown without recommendations", attribute.String("user.id", user))
	}
	return nil
}

func (j *journey) recommend(ctx context.Context, gateway *instance, user string) error {
	return j.call(ctx, gateway, "recommendation", endpoint{"GET", "/recommendations", "/recommendations?user=" + user},
		func(ctx context.Context, in *instance) error {
			j.redis(ctx, in, "GET", "profile:"+user)
			j.internal(ctx, in, "rank candidates", 5, 25)
			if j.shop.sw.active(ErrorBurst) && j.chance(0.6) {
				return failure{
					code: 500, kind: "KeyError", text: "'embedding'",
					stack: "Traceback (most recent call last):\n  File \"rank.py\", line 88, in rank\n    v = profile['embedding']\nKeyError: 'embedding'",
				}
			}
			return nil
		})
}

func (j *journey) addToCart(ctx context.Context, gateway *instance, product, user string) error {
	return j.call(ctx, gateway, "cart", endpoint{"POST", "/items", "/items"}, func(ctx context.Context, in *instance) error {
		j.redis(ctx, in, "HGETALL", "cart:"+user)
		err := j.call(ctx, in, "inventory", endpoint{"GET", "/stock/{sku}", "/stock/" + product}, func(ctx context.Context, in *instance) error {
			if j.redis(ctx, in, "GET", "stock:"+product) {
				return nil
			}
			return j.mysql(ctx, in, query{"SELECT", "stock", "SELECT quantity, price FROM stock WHERE sku = ?"})
		})
		if err != nil {
			return err
		}
		j.redis(ctx, in, "HSET", "cart:"+user)
		j.count(ctx, in.business.cartItems, 1)
		j.log(ctx, in, levelInfo, "item added to cart", attribute.String("user.id", user), attribute.String("product.sku", product))
		return nil
	})
}

func (j *journey) checkout(ctx context.Context, gateway *instance, user string) error {
	return j.call(ctx, gateway, "checkout", endpoint{"POST", "/orders", "/orders"}, func(ctx context.Context, in *instance) error {
		order := fmt.Sprintf("ord-%08x", j.shop.rng.Uint32())
		amount := 500 + j.shop.rng.Int64N(20000)
		if j.shop.sw.active(MemoryLeak) {
			j.spendFor(time.Duration(in.leak.pauses()) * time.Millisecond)
		}
		err := j.call(ctx, in, "cart", endpoint{"GET", "/carts/{user}", "/carts/" + user}, func(ctx context.Context, in *instance) error {
			j.redis(ctx, in, "HGETALL", "cart:"+user)
			return nil
		})
		if err != nil {
			return err
		}
		if err := j.pay(ctx, in, order, amount); err != nil {
			j.log(ctx, in, levelError, "payment failed, order not placed", attribute.String("order.id", order), attribute.String("error.message", err.Error()))
			return failure{code: 502, kind: "PaymentException", text: "payment service: " + err.Error()}
		}
		if err := j.mysql(ctx, in, query{"INSERT", "orders", "INSERT INTO orders (id, user_id, amount) VALUES (?, ?, ?)"}); err != nil {
			return err
		}
		j.publish(ctx, in, order)
		j.count(ctx, in.business.orders, 1)
		j.count(ctx, in.business.revenue, amount)
		j.log(ctx, in, levelInfo, "order placed", attribute.String("order.id", order), attribute.Int64("order.amount_cents", amount),
			attribute.String("user.id", user))
		return nil
	})
}

func (j *journey) pay(ctx context.Context, checkout *instance, order string, amount int64) error {
	return j.rpc(ctx, checkout, "payment", "shop.Payment", "Charge", func(ctx context.Context, in *instance) error {
		if err := j.external(ctx, in, endpoint{"POST", "/v1/charges", "/v1/charges"}); err != nil {
			j.log(ctx, in, levelError, "card processor refused the call", attribute.String("order.id", order))
			return err
		}
		j.log(ctx, in, levelDebug, "charge accepted", attribute.String("order.id", order), attribute.Int64("amount_cents", amount))
		return j.mysql(ctx, in, query{"INSERT", "charges", "INSERT INTO charges (order_id, amount, state) VALUES (?, ?, 'captured')"})
	})
}

// publish puts the order on the topic; inventory takes the goods out of stock when it gets there.
func (j *journey) publish(ctx context.Context, checkout *instance, order string) {
	j.produce(ctx, checkout, "orders", func(ctx context.Context) {
		later := j.fork(time.Duration(20+j.shop.rng.IntN(200)) * time.Millisecond)
		in := j.shop.pick("inventory")
		later.consume(ctx, in, "orders", func(ctx context.Context) error {
			if err := later.mysql(ctx, in, query{"UPDATE", "stock", "UPDATE stock SET quantity = quantity - ? WHERE sku = ?"}); err != nil {
				later.log(ctx, in, levelError, "stock not reserved, message will be redelivered", attribute.String("order.id", order))
				return err
			}
			later.log(ctx, in, levelInfo, "stock reserved", attribute.String("order.id", order))
			return nil
		})
	})
}
