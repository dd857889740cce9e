// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const scopeName = "strata/demo"

// instance is one process of a service.
type instance struct {
	def    serviceDef
	host   string
	tracer trace.Tracer
	logger log.Logger
	leak   leak

	serverDuration, clientDuration, databaseDuration metric.Float64Histogram
	business                                         business
}

type business struct{ orders, revenue, cartItems metric.Int64Counter }

func newInstance(out *output, def serviceDef, index int, host string, sw *switches) (*instance, error) {
	p := out.process(
		attribute.String("service.name", def.name), attribute.String("service.namespace", "shop"), attribute.String("service.version", def.version),
		attribute.String("service.instance.id", fmt.Sprintf("%s-%d", def.name, index)), attribute.String("host.name", host),
		attribute.String("deployment.environment.name", "demo"), attribute.String("telemetry.sdk.language", def.language),
		attribute.String("telemetry.sdk.name", "opentelemetry"),
	)
	in := &instance{def: def, host: host, tracer: p.tracer.Tracer(scopeName), logger: p.logger.Logger(scopeName)}
	meter := p.meter.Meter(scopeName)
	var errs [6]error
	seconds := metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)
	in.serverDuration, errs[0] = meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"), seconds)
	in.clientDuration, errs[1] = meter.Float64Histogram("http.client.request.duration", metric.WithUnit("s"), seconds)
	in.databaseDuration, errs[2] = meter.Float64Histogram("db.client.operation.duration", metric.WithUnit("s"), seconds)
	in.business.orders, errs[3] = meter.Int64Counter("shop.orders", metric.WithUnit("{order}"))
	in.business.revenue, errs[4] = meter.Int64Counter("shop.revenue", metric.WithUnit("{cent}"))
	in.business.cartItems, errs[5] = meter.Int64Counter("shop.cart.items", metric.WithUnit("{item}"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("demo: instruments of %s: %w", def.name, err)
	}
	if err := in.observe(meter, sw); err != nil {
		return nil, fmt.Errorf("demo: runtime metrics of %s: %w", def.name, err)
	}
	return in, nil
}

// observe registers what a runtime tells about itself, under the names of its language.
func (in *instance) observe(meter metric.Meter, sw *switches) error {
	heap := func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(in.leak.heap(), metric.WithAttributes(attribute.String("jvm.memory.type", "heap"), attribute.String("jvm.memory.pool.name", "G1 Old Gen")))
		return nil
	}
	var err error
	switch in.def.language {
	case "java":
		_, err = meter.Int64ObservableUpDownCounter("jvm.memory.used", metric.WithUnit("By"), metric.WithInt64Callback(heap))
		if err == nil {
			_, err = meter.Int64ObservableUpDownCounter("jvm.memory.limit", metric.WithUnit("By"),
				metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
					o.Observe(heapLimit, metric.WithAttributes(attribute.String("jvm.memory.type", "heap"), attribute.String("jvm.memory.pool.name", "G1 Old Gen")))
					return nil
				}))
		}
	case "go":
		_, err = meter.Int64ObservableUpDownCounter("go.memory.used", metric.WithUnit("By"), metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error { o.Observe(in.leak.heap() / 8); return nil }))
	default:
		_, err = meter.Int64ObservableUpDownCounter("process.memory.usage", metric.WithUnit("By"), metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error { o.Observe(in.leak.heap() / 3); return nil }))
	}
	if err != nil || in.def.name != "inventory" {
		return err
	}
	_, err = meter.Int64ObservableGauge("shop.queue.length", metric.WithUnit("{message}"), metric.WithInt64Callback(
		func(_ context.Context, o metric.Int64Observer) error {
			n := 4 + 3*math.Sin(float64(time.Now().Unix())/60)
			if sw.active(SlowDatabase) {
				n *= 60 // The consumer cannot keep up.
			}
			o.Observe(int64(n), metric.WithAttributes(attribute.String("messaging.destination.name", "orders")))
			return nil
		}))
	return err
}

const (
	heapBase    = 180 << 20
	heapLimit   = 1 << 30
	leakPerCall = 2 << 20
)

// leak is the heap of a process. It saws between collections and grows while it leaks, until the process is restarted.
type leak struct {
	leaked, garbage atomic.Int64
}

func (l *leak) request(leaking bool) {
	l.garbage.Store((l.garbage.Load() + 700<<10) % (96 << 20))
	switch {
	case !leaking:
		l.leaked.Store(0)
	case heapBase+l.leaked.Load() > heapLimit-64<<20:
		l.leaked.Store(0)
	default:
		l.leaked.Add(leakPerCall)
	}
}

func (l *leak) heap() int64 { return heapBase + l.leaked.Load() + l.garbage.Load() }

// pauses is the time collections cost a request, in milliseconds; it explodes when little is left.
func (l *leak) pauses() int64 {
	used := float64(l.heap()) / heapLimit
	return int64(400 * math.Pow(used, 6) / (1.02 - min(used, 1)))
}
