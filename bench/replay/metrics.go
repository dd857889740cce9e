// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/encoding/protowire"
)

// shape says how the values of a series move from one step to the next, as in TSBS's devops use case.
type shape int

const (
	constant shape = iota // never changes
	level                 // integer, a random walk of about ±1 between 0 and 100
	large                 // integer, a random walk in large steps
	counter               // integer, grows by a normally distributed amount
	ratio                 // float, full precision
)

// measurement is a group of metrics of TSBS's devops use case.
type measurement struct {
	name, attribute, value string // one data point attribute, where a real sender has one
	fields                 []metricField
}

type metricField struct {
	name  string
	shape shape
	mean  float64
}

// devops returns TSBS's nine measurements, 101 metrics.
func devops() []measurement {
	many := func(s shape, mean float64, names ...string) []metricField {
		out := make([]metricField, len(names))
		for i, n := range names {
			out[i] = metricField{n, s, mean}
		}
		return out
	}
	join := func(lists ...[]metricField) []metricField {
		var out []metricField
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	return []measurement{
		{name: "cpu", attribute: "cpu", value: "cpu0", fields: many(level, 50, "usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
			"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice")},
		{name: "diskio", attribute: "device", value: "sda", fields: join(many(counter, 50, "reads", "writes"), many(counter, 100, "read_bytes", "write_bytes"),
			many(counter, 5, "read_time", "write_time", "io_time"))},
		{name: "disk", attribute: "mountpoint", value: "/var/lib", fields: join(many(constant, 1<<40, "total"), many(large, 1<<37, "free", "used"),
			many(level, 40, "used_percent"), many(constant, 1<<28, "inodes_total"), many(large, 1<<20, "inodes_free", "inodes_used"))},
		{name: "kernel", fields: join(many(constant, 1.7e9, "boot_time"), many(counter, 5, "interrupts", "context_switches", "processes_forked",
			"disk_pages_in", "disk_pages_out"))},
		{name: "mem", fields: join(many(constant, 1<<34, "total"), many(large, 1<<32, "available", "used", "free", "cached", "buffered"),
			many(ratio, 50, "used_percent", "available_percent", "buffered_percent"))},
		{name: "net", attribute: "interface", value: "eth0", fields: join(many(counter, 50, "bytes_sent", "bytes_recv", "packets_sent", "packets_recv"),
			many(counter, 0.2, "err_in", "err_out", "drop_in", "drop_out"))},
		{name: "nginx", fields: join(many(counter, 5, "accepts", "handled", "requests"), many(level, 50, "active", "reading", "waiting", "writing"))},
		{name: "postgresl", fields: join(many(level, 5, "numbackends"), many(counter, 5, "xact_commit", "xact_rollback", "blks_read", "blks_hit",
			"tup_returned", "tup_fetched", "tup_inserted", "tup_updated", "tup_deleted", "conflicts", "temp_files", "temp_bytes", "deadlocks",
			"blk_read_time", "blk_write_time"))},
		{name: "redis", fields: join(many(counter, 10, "uptime_in_seconds"), many(counter, 50, "total_connections_received", "expired_keys", "evicted_keys",
			"keyspace_hits", "keyspace_misses", "instantaneous_ops_per_sec", "instantaneous_input_kbps", "instantaneous_output_kbps"),
			many(constant, 0, "connected_slaves", "sync_full", "sync_partial_ok", "sync_partial_err", "pubsub_patterns", "latest_fork_usec"),
			many(level, 50, "connected_clients", "pubsub_channels", "rdb_changes_since_last_save", "master_repl_offset"),
			many(large, 1<<30, "used_memory", "used_memory_rss", "used_memory_peak", "used_memory_lua", "repl_backlog_histlen"),
			many(counter, 5, "used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children"),
			many(constant, 1<<20, "repl_backlog_size"), many(level, 1, "mem_fragmentation"), many(counter, 10, "commands_processed"))},
	}
}

// point is one series in a body.
type point struct {
	timeAt, valueAt int
	shape           shape
	mean, value     float64
}

// newPoint returns a series of a metric with its first value.
func newPoint(f metricField, rnd *rand.Rand) point {
	return point{shape: f.shape, mean: f.mean, value: f.mean * (0.5 + rnd.Float64())}
}

// Hosts is one request body with the metrics of some hosts. It belongs to one goroutine.
type Hosts struct {
	Body   []byte
	points []point
	rnd    *rand.Rand
}

// NewHosts encodes the metrics of hosts first to first+count-1.
func NewHosts(first, count int, start time.Time) (*Hosts, error) {
	h := &Hosts{rnd: rand.New(rand.NewPCG(uint64(first), 7))} //nolint:gosec // Reproducible on purpose; never negative.
	md := pmetric.NewMetrics()
	for i := range count {
		h.host(md.ResourceMetrics().AppendEmpty(), first+i, pcommon.NewTimestampFromTime(start))
	}
	var err error
	if h.Body, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(md); err != nil {
		return nil, fmt.Errorf("encode metrics: %w", err)
	}
	return h, h.locate()
}

// Points is how many samples one send carries.
func (h *Hosts) Points() int { return len(h.points) }

func (h *Hosts) host(rm pmetric.ResourceMetrics, n int, start pcommon.Timestamp) {
	attrs := rm.Resource().Attributes()
	attrs.PutStr("service.name", "devops")
	attrs.PutStr("service.instance.id", fmt.Sprintf("host_%d", n))
	attrs.PutStr("host.name", fmt.Sprintf("host_%d", n))
	attrs.PutStr("cloud.region", []string{"eu-west-1", "us-east-1", "ap-south-1"}[n%3])
	attrs.PutStr("cloud.availability_zone", []string{"a", "b", "c"}[n%3])
	attrs.PutStr("deployment.environment.name", "production")
	attrs.PutStr("host.arch", "amd64")
	attrs.PutStr("os.type", "linux")
	for _, m := range devops() {
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("devops/" + m.name)
		sm.Scope().SetVersion("1.0.0")
		for _, f := range m.fields {
			h.metric(sm.Metrics().AppendEmpty(), m, f, start)
		}
	}
}

func (h *Hosts) metric(out pmetric.Metric, m measurement, f metricField, start pcommon.Timestamp) {
	out.SetName(m.name + "." + f.name)
	out.SetDescription("The " + f.name + " of " + m.name + ".")
	var p pmetric.NumberDataPoint
	if f.shape == counter {
		out.SetEmptySum().SetIsMonotonic(true)
		out.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p = out.Sum().DataPoints().AppendEmpty()
	} else {
		p = out.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	p.SetStartTimestamp(start)
	p.SetTimestamp(start)
	if m.attribute != "" {
		p.Attributes().PutStr(m.attribute, m.value)
	}
	first := newPoint(f, h.rnd)
	if f.shape == ratio {
		p.SetDoubleValue(first.value)
	} else {
		p.SetIntValue(int64(first.value))
	}
	h.points = append(h.points, first)
}

// locate finds each data point's time and value in the encoded bytes.
func (h *Hosts) locate() error {
	const gauge, sum = 5, 7
	next := 0
	err := walk(h.Body, 0, len(h.Body), []protowire.Number{1, 2, 2}, func(start, end int) error {
		metric, err := fields(h.Body, start, end)
		if err != nil {
			return err
		}
		for _, f := range metric {
			if f.num != gauge && f.num != sum {
				continue
			}
			if err := walk(h.Body, f.start, f.end, []protowire.Number{1}, func(start, end int) error {
				p := &h.points[next]
				next++
				return p.locate(h.Body, start, end)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && next != len(h.points) {
		err = fmt.Errorf("found %d of %d data points", next, len(h.points))
	}
	return err
}

func (p *point) locate(body []byte, start, end int) error {
	const timeUnixNano, asDouble, asInt = 3, 4, 6
	list, err := fields(body, start, end)
	if err != nil {
		return err
	}
	for _, f := range list {
		switch f.num {
		case timeUnixNano:
			p.timeAt = f.start
		case asDouble, asInt:
			p.valueAt = f.start
		default: // Start time, attributes and flags stay.
		}
	}
	if p.timeAt == 0 || p.valueAt == 0 {
		return fmt.Errorf("data point at %d has no time or value", start)
	}
	return nil
}

// Step moves every series on to time t.
func (h *Hosts) Step(t time.Time) {
	nano := uint64(t.UnixNano())
	for i := range h.points {
		p := &h.points[i]
		binary.LittleEndian.PutUint64(h.Body[p.timeAt:], nano)
		binary.LittleEndian.PutUint64(h.Body[p.valueAt:], p.next(h.rnd))
	}
}

// Next moves every series on to time t and returns the body to send.
func (h *Hosts) Next(t time.Time) []byte {
	h.Step(t)
	return h.Body
}

// next returns the bits of the next value.
func (p *point) next(rnd *rand.Rand) uint64 {
	p.move(rnd)
	if p.shape == ratio {
		return math.Float64bits(p.value)
	}
	return uint64(int64(p.value)) //nolint:gosec // The bits of an sfixed64.
}

// double is the value as a sender that knows nothing but doubles sends it.
func (p *point) double() float64 {
	if p.shape == ratio {
		return p.value
	}
	return math.Trunc(p.value)
}

func (p *point) move(rnd *rand.Rand) {
	switch p.shape {
	case constant:
	case level, ratio:
		p.value = min(100, max(0, p.value+rnd.NormFloat64()))
	case large:
		p.value = max(0, p.value+rnd.NormFloat64()*p.mean/1000)
	case counter:
		p.value += max(0, p.mean+rnd.NormFloat64()*max(1, p.mean/50))
	}
}
