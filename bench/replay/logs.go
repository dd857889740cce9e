// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

// services is the shop whose telemetry is replayed.
func services() []string {
	return []string{"frontend", "checkout", "cart", "payment", "catalog", "shipping", "currency", "recommendation", "email", "ads"}
}

func shopResource(attrs pcommon.Map, service string, instance int) {
	attrs.PutStr("service.name", service)
	attrs.PutStr("service.namespace", "shop")
	attrs.PutStr("service.version", "2.14.3")
	attrs.PutStr("service.instance.id", fmt.Sprintf("%s-7d9f8b6c5d-%d", service, instance))
	attrs.PutStr("deployment.environment.name", "production")
	attrs.PutStr("host.name", fmt.Sprintf("node-%d", instance%5))
	attrs.PutStr("telemetry.sdk.language", "go")
	attrs.PutStr("k8s.pod.name", fmt.Sprintf("%s-7d9f8b6c5d-%d", service, instance))
}

// NewLogs encodes a body of about rows log records of around 190 bytes of text each, four attributes, from every service; each distinct
// seed has its own text.
func NewLogs(seed uint64, rows int) (*Records, error) {
	r := &Records{rnd: rand.New(rand.NewPCG(seed, 11))} //nolint:gosec // Reproducible on purpose.
	ld := plog.NewLogs()
	per := max(1, rows/len(services()))
	at := base()
	for i, service := range services() {
		rl := ld.ResourceLogs().AppendEmpty()
		shopResource(rl.Resource().Attributes(), service, i%3)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("shop/" + service)
		for range per {
			at = at.Add(time.Duration(r.rnd.IntN(20_000)) * time.Nanosecond)
			r.record(sl.LogRecords().AppendEmpty(), service, at)
		}
	}
	var err error
	if r.Body, err = (&plog.ProtoMarshaler{}).MarshalLogs(ld); err != nil {
		return nil, fmt.Errorf("encode logs: %w", err)
	}
	r.Items = ld.LogRecordCount()
	const timeUnixNano, traceID, spanID, observed = 1, 9, 10, 11
	return r, r.locate([]protowire.Number{1, 2, 2}, []protowire.Number{timeUnixNano, observed}, []protowire.Number{traceID, spanID})
}

func (r *Records) record(rec plog.LogRecord, service string, at time.Time) {
	rnd := r.rnd
	rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
	rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(rnd.IntN(2_000_000)))))
	status := 200
	level, text := plog.SeverityNumberInfo, "INFO"
	switch n := rnd.IntN(100); {
	case n < 3:
		status, level, text = 500, plog.SeverityNumberError, "ERROR"
	case n < 10:
		status, level, text = 404, plog.SeverityNumberWarn, "WARN"
	}
	rec.SetSeverityNumber(level)
	rec.SetSeverityText(text)
	user, route := fmt.Sprintf("user-%d", rnd.IntN(100_000)), pick(rnd, routes())
	rec.Body().SetStr(r.message(service, route, user, status) + pick(rnd, tenants()))
	a := rec.Attributes()
	a.PutStr("http.route", route)
	a.PutStr("user.id", user)
	a.PutInt("http.response.status_code", int64(status))
	a.PutStr("thread.name", fmt.Sprintf("worker-%d", rnd.IntN(16)))
	if rnd.IntN(2) == 0 {
		rec.SetTraceID(randomID[[traceIDLen]byte](rnd))
		rec.SetSpanID(randomID[[spanIDLen]byte](rnd))
	}
	r.TextBytes += len(rec.Body().Str())
	for k, v := range a.All() {
		r.TextBytes += len(k) + len(v.AsString())
	}
}

func (r *Records) message(service, route, user string, status int) string {
	rnd := r.rnd
	ms, ip := rnd.IntN(3000), fmt.Sprintf("10.%d.%d.%d", rnd.IntN(4), rnd.IntN(16), rnd.IntN(250))
	switch rnd.IntN(5) {
	case 0:
		return fmt.Sprintf("%s %s from %s finished with status %d in %d ms, %d bytes", pick(rnd, []string{"GET", "POST", "PUT"}), route, ip, status, ms, rnd.IntN(50_000))
	case 1:
		return fmt.Sprintf("order %d of %s moved from pending to %s, total %d.%02d EUR", rnd.IntN(10_000_000), user, pick(rnd, []string{"paid", "packed", "shipped", "cancelled"}), rnd.IntN(900), rnd.IntN(100))
	case 2:
		return fmt.Sprintf("cache %s for key product:%d:price after %d us on shard %d", pick(rnd, []string{"hit", "miss", "expired"}), rnd.IntN(50_000), rnd.IntN(9000), rnd.IntN(32))
	case 3:
		return fmt.Sprintf("query on %s took %d ms and returned %d rows: SELECT * FROM %s WHERE id = %d", service, ms, rnd.IntN(500), pick(rnd, []string{"orders", "carts", "products", "payments"}), rnd.IntN(1_000_000))
	default:
		return fmt.Sprintf("retrying call to %s: connection reset by peer %s:%d, attempt %d of 5, waiting %d ms", pick(rnd, services()), ip, 8000+rnd.IntN(100), 1+rnd.IntN(4), ms)
	}
}

// tenants are the ends of all messages.
func tenants() []string {
	return []string{" (tenant acme, region eu-west)", " (tenant globex, region us-east)", " (tenant initech, region us-east)", " (tenant umbrella, region ap-south)"}
}

func routes() []string {
	return []string{"/", "/cart", "/cart/{id}", "/checkout", "/product/{id}", "/search", "/login", "/api/v1/orders", "/api/v1/orders/{id}", "/api/v1/payments"}
}
