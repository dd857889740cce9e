// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const (
	levelDebug = log.SeverityDebug
	levelInfo  = log.SeverityInfo
	levelWarn  = log.SeverityWarn
	levelError = log.SeverityError
)

// journey is the simulated time of one trace.
type journey struct {
	shop *shop
	now  time.Time
}

// endpoint is an HTTP method, its route and the path of one request.
type endpoint struct{ method, route, path string }

// failure is an error with the HTTP status it becomes and, when kind is set, the exception that caused it.
type failure struct {
	code              int
	kind, text, stack string
}

func (f failure) Error() string { return f.text }

// statusOf returns the HTTP status a handler answers with.
func statusOf(err error) int {
	var f failure
	switch {
	case err == nil:
		return 200
	case errors.As(err, &f):
		return f.code
	default:
		return 500
	}
}

func (j *journey) chance(p float64) bool { return j.shop.rng.Float64() < p }

// spend lets a random time pass, most often near lo milliseconds and now and then far above hi.
func (j *journey) spend(lo, hi float64) {
	ms := lo + (hi-lo)*j.shop.rng.ExpFloat64()/3
	j.spendFor(time.Duration(ms * float64(time.Millisecond)))
}

func (j *journey) spendFor(d time.Duration) { j.now = j.now.Add(d) }

// fork starts a second clock for what goes on beside this one.
func (j *journey) fork(after time.Duration) *journey {
	return &journey{shop: j.shop, now: j.now.Add(after)}
}

// span runs fn inside a span of the instance.
func (j *journey) span(ctx context.Context, in *instance, name string, kind trace.SpanKind, fn func(context.Context, trace.Span) error,
	attrs ...attribute.KeyValue,
) {
	ctx, span := in.tracer.Start(ctx, name, trace.WithTimestamp(j.now), trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	err := fn(ctx, span)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		var f failure
		if errors.As(err, &f) && f.kind != "" {
			span.AddEvent("exception", trace.WithTimestamp(j.now), trace.WithAttributes(
				attribute.String("exception.type", f.kind), attribute.String("exception.message", f.text),
				attribute.String("exception.stacktrace", f.stack)))
		}
	}
	span.End(trace.WithTimestamp(j.now))
}

func (j *journey) internal(ctx context.Context, in *instance, name string, lo, hi float64) {
	j.span(ctx, in, name, trace.SpanKindInternal, func(context.Context, trace.Span) error { j.spend(lo, hi); return nil })
}

// serve is an HTTP request as its server sees it. It returns what the handler returned.
func (j *journey) serve(ctx context.Context, in *instance, e endpoint, handle func(context.Context) error) {
	_ = j.handle(ctx, in, e, handle)
}

func (j *journey) handle(ctx context.Context, in *instance, e endpoint, handle func(context.Context) error) error {
	var result error
	begin := j.now
	path, rawQuery, _ := strings.Cut(e.path, "?")
	attrs := []attribute.KeyValue{
		attribute.String("http.request.method", e.method), attribute.String("http.route", e.route), attribute.String("url.path", path),
		attribute.String("url.scheme", "http"), attribute.String("server.address", in.host), attribute.String("network.protocol.version", "1.1"),
		attribute.String("user_agent.original", "Mozilla/5.0 (demo)"),
	}
	if rawQuery != "" {
		attrs = append(attrs, attribute.String("url.query", rawQuery))
	}
	j.span(ctx, in, e.method+" "+e.route, trace.SpanKindServer, func(ctx context.Context, span trace.Span) error {
		j.spend(0.3, 2)
		result = handle(ctx)
		j.spend(0.2, 1)
		code := statusOf(result)
		span.SetAttributes(attribute.Int("http.response.status_code", code))
		in.leak.request(j.shop.sw.active(MemoryLeak))
		j.record(ctx, in.serverDuration, j.now.Sub(begin), attribute.String("http.request.method", e.method),
			attribute.String("http.route", e.route), attribute.Int("http.response.status_code", code))
		j.accessLog(ctx, in, e, code, j.now.Sub(begin))
		if code < 500 {
			return nil // By convention a client's mistake is not the server's error.
		}
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(code)))
		return result
	}, attrs...)
	return result
}

func (j *journey) accessLog(ctx context.Context, in *instance, e endpoint, code int, took time.Duration) {
	level := levelInfo
	if code >= 500 {
		level = levelError
	} else if code >= 400 {
		level = levelWarn
	}
	j.log(ctx, in, level, fmt.Sprintf("%s %s %d %.1fms", e.method, e.path, code, float64(took.Microseconds())/1000),
		attribute.String("http.route", e.route), attribute.Int("http.response.status_code", code))
}

// call is an HTTP request from one service to another: a client span and the server's span below it.
func (j *journey) call(ctx context.Context, from *instance, service string, e endpoint, handle func(context.Context, *instance) error) error {
	to := j.shop.pick(service)
	var result error
	begin := j.now
	j.span(ctx, from, e.method, trace.SpanKindClient, func(ctx context.Context, span trace.Span) error {
		j.spend(0.2, 1.5)
		err := j.handle(ctx, to, e, func(ctx context.Context) error { return handle(ctx, to) })
		j.spend(0.2, 1)
		code := statusOf(err)
		span.SetAttributes(attribute.Int("http.response.status_code", code))
		j.record(ctx, from.clientDuration, j.now.Sub(begin), attribute.String("http.request.method", e.method),
			attribute.String("server.address", service), attribute.Int("http.response.status_code", code))
		if code >= 400 {
			result = failure{code: 502, text: fmt.Sprintf("%s answered %d", service, code)}
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(code)))
		}
		return result
	}, attribute.String("http.request.method", e.method), attribute.String("server.address", service), attribute.Int("server.port", 8080),
		attribute.String("url.full", "http://"+service+":8080"+e.path))
	return result
}

// record adds a duration to a histogram, with the span as its exemplar.
func (j *journey) record(ctx context.Context, h metric.Float64Histogram, d time.Duration, attrs ...attribute.KeyValue) {
	if j.shop.recordMetrics {
		h.Record(ctx, d.Seconds(), metric.WithAttributes(attrs...))
	}
}

func (j *journey) count(ctx context.Context, c metric.Int64Counter, n int64) {
	if j.shop.recordMetrics {
		c.Add(ctx, n)
	}
}

// log writes a record that carries the ids of the span in ctx.
func (j *journey) log(ctx context.Context, in *instance, level log.Severity, body string, attrs ...attribute.KeyValue) {
	var r log.Record
	r.SetTimestamp(j.now)
	r.SetObservedTimestamp(j.now)
	r.SetSeverity(level)
	r.SetSeverityText(level.String())
	r.SetBody(attribute.StringValue(body))
	r.AddAttributes(attrs...)
	in.logger.Emit(ctx, r)
}
