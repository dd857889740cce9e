// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// query is one SQL statement.
type query struct{ operation, table, text string }

const databaseTimeout = 3 * time.Second

// mysql is a statement. Attributes of databases are written under their old and new names, as instrumentations do in the transition.
func (j *journey) mysql(ctx context.Context, in *instance, q query) error {
	var result error
	begin := j.now
	j.span(ctx, in, q.operation+" shop."+q.table, trace.SpanKindClient, func(ctx context.Context, span trace.Span) error {
		if j.shop.sw.active(SlowDatabase) {
			j.spend(400, 2500)
		} else {
			j.spend(1, 8)
		}
		took := j.now.Sub(begin)
		if took > databaseTimeout {
			j.now = begin.Add(databaseTimeout)
			result = failure{code: 504, kind: "SQLTimeoutException", text: "statement cancelled after 3s"}
			span.SetAttributes(attribute.String("error.type", "timeout"))
		}
		if took > 500*time.Millisecond {
			j.log(ctx, in, levelWarn, fmt.Sprintf("slow query (%d ms): %s", min(took, databaseTimeout).Milliseconds(), q.text),
				attribute.String("db.collection.name", q.table))
		}
		j.record(ctx, in.databaseDuration, j.now.Sub(begin), attribute.String("db.system.name", "mysql"),
			attribute.String("db.operation.name", q.operation), attribute.String("db.collection.name", q.table))
		return result
	}, attribute.String("db.system", "mysql"), attribute.String("db.system.name", "mysql"), attribute.String("db.namespace", "shop"),
		attribute.String("db.operation.name", q.operation), attribute.String("db.collection.name", q.table),
		attribute.String("db.statement", q.text), attribute.String("db.query.text", q.text),
		attribute.String("server.address", "demo-db-1"), attribute.Int("server.port", 3306))
	return result
}

// redis is a command; it returns whether the key was there.
func (j *journey) redis(ctx context.Context, in *instance, command, key string) bool {
	begin := j.now
	j.span(ctx, in, command, trace.SpanKindClient, func(ctx context.Context, _ trace.Span) error {
		j.spend(0.15, 0.8)
		j.record(ctx, in.databaseDuration, j.now.Sub(begin), attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", command))
		return nil
	}, attribute.String("db.system", "redis"), attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", command),
		attribute.String("db.query.text", command+" "+key), attribute.String("server.address", "demo-db-1"), attribute.Int("server.port", 6379))
	return j.chance(0.7)
}

// rpc is a gRPC call: a client span and the server's below it.
func (j *journey) rpc(ctx context.Context, from *instance, service, rpcService, method string, handle func(context.Context, *instance) error) error {
	to := j.shop.pick(service)
	var result error
	attrs := []attribute.KeyValue{
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", rpcService), attribute.String("rpc.method", method),
		attribute.String("server.address", service), attribute.Int("server.port", 9090),
	}
	name := rpcService + "/" + method
	j.span(ctx, from, name, trace.SpanKindClient, func(ctx context.Context, client trace.Span) error {
		j.spend(0.2, 1)
		j.span(ctx, to, name, trace.SpanKindServer, func(ctx context.Context, server trace.Span) error {
			result = handle(ctx, to)
			server.SetAttributes(attribute.Int("rpc.grpc.status_code", rpcStatus(result)))
			return result
		}, attrs...)
		j.spend(0.2, 1)
		client.SetAttributes(attribute.Int("rpc.grpc.status_code", rpcStatus(result)))
		return result
	}, attrs...)
	return result
}

func rpcStatus(err error) int {
	if err != nil {
		return 14 // UNAVAILABLE
	}
	return 0
}

// external is a call to the card processor, which is not ours and sends no spans.
func (j *journey) external(ctx context.Context, in *instance, e endpoint) error {
	var result error
	begin := j.now
	j.span(ctx, in, e.method, trace.SpanKindClient, func(ctx context.Context, span trace.Span) error {
		j.spend(40, 120)
		code := 200
		if j.shop.sw.active(FailingDependency) && j.chance(0.5) {
			code = 503
			result = failure{code: 503, kind: "java.io.IOException", text: "cards.example answered 503", stack: "java.io.IOException: cards.example answered 503\n\tat shop.payment.CardClient.charge(CardClient.java:71)\n\tat shop.payment.ChargeService.charge(ChargeService.java:33)"}
			span.SetAttributes(attribute.String("error.type", "503"))
		}
		span.SetAttributes(attribute.Int("http.response.status_code", code))
		j.record(ctx, in.clientDuration, j.now.Sub(begin), attribute.String("http.request.method", e.method),
			attribute.String("server.address", "cards.example"), attribute.Int("http.response.status_code", code))
		return result
	}, attribute.String("http.request.method", e.method), attribute.String("server.address", "cards.example"), attribute.Int("server.port", 443),
		attribute.String("url.full", "https://cards.example"+e.path))
	return result
}

func messaging(topic, operation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.destination.name", topic),
		attribute.String("messaging.operation.type", operation), attribute.String("server.address", "demo-db-1"), attribute.Int("server.port", 9092),
	}
}

// produce sends a message; then is what happens to it afterwards.
func (j *journey) produce(ctx context.Context, in *instance, topic string, then func(context.Context)) {
	j.span(ctx, in, "send "+topic, trace.SpanKindProducer, func(ctx context.Context, _ trace.Span) error {
		j.spend(1, 4)
		then(ctx)
		return nil
	}, messaging(topic, "send")...)
}

func (j *journey) consume(ctx context.Context, in *instance, topic string, handle func(context.Context) error) {
	j.span(ctx, in, "process "+topic, trace.SpanKindConsumer, func(ctx context.Context, _ trace.Span) error {
		j.spend(0.5, 3)
		return handle(ctx)
	}, append(messaging(topic, "process"), attribute.String("messaging.consumer.group.name", in.def.name))...)
}
