// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"
)

// msLen is how many bytes a time in milliseconds takes as a varint, from 1971 to 2109.
const msLen = 6

// RemoteWriteHeaders are what a request of Prometheus remote write 1.0 has besides its type.
func RemoteWriteHeaders() []string {
	return []string{"Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0"}
}

// RemoteWrite is one request of Prometheus remote write 1.0 with the metrics of some hosts: the series and values of Hosts, with the labels
// they have after a scrape. It belongs to one goroutine.
type RemoteWrite struct {
	message []byte // prometheus.WriteRequest
	body    []byte // where message is compressed
	points  []point
	rnd     *rand.Rand
}

// NewRemoteWrite encodes the metrics of hosts first to first+count-1.
func NewRemoteWrite(first, count int, start time.Time) (*RemoteWrite, error) {
	ms := uint64(start.UnixMilli()) // Its length says whether it is a time after 1970.
	if n := protowire.SizeVarint(ms); n != msLen {
		return nil, fmt.Errorf("encode metrics: time %s takes %d bytes, not %d", start, n, msLen)
	}
	w := &RemoteWrite{rnd: rand.New(rand.NewPCG(uint64(first), 7))} //nolint:gosec // Reproducible on purpose; never negative.
	for i := range count {
		for _, m := range devops() {
			for _, f := range m.fields {
				w.series(labelsOf(first+i, m, f), newPoint(f, w.rnd), ms)
			}
		}
	}
	w.body = make([]byte, s2.MaxEncodedLen(len(w.message)))
	return w, nil
}

// label is a name and a value.
type label struct{ name, value string }

// labelsOf returns a series's labels in the order of their names.
func labelsOf(host int, m measurement, f metricField) []label {
	name := m.name + "_" + f.name
	if f.shape == counter {
		name += "_total"
	}
	out := []label{
		{"__name__", name},
		{"availability_zone", []string{"a", "b", "c"}[host%3]},
		{"environment", "production"},
		{"instance", fmt.Sprintf("host_%d:9100", host)},
		{"job", "devops"},
		{"os", "linux"},
		{"region", []string{"eu-west-1", "us-east-1", "ap-south-1"}[host%3]},
	}
	if m.attribute != "" {
		out = append(out, label{m.attribute, m.value})
	}
	slices.SortFunc(out, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	return out
}

// series adds a series with one sample to the message. The sample's value is there even if it is 0, which Prometheus leaves out: it changes.
func (w *RemoteWrite) series(labels []label, p point, ms uint64) {
	const timeSeries, labelPairs, samples, name, value, sampleValue, sampleTime = 1, 1, 2, 1, 2, 1, 2
	text := func(b []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	message := func(b []byte, n protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
	}
	var series []byte
	for _, l := range labels {
		series = message(series, labelPairs, text(text(nil, name, l.name), value, l.value))
	}
	sample := protowire.AppendFixed64(protowire.AppendTag(nil, sampleValue, protowire.Fixed64Type), math.Float64bits(p.double()))
	sample = protowire.AppendVarint(protowire.AppendTag(sample, sampleTime, protowire.VarintType), ms)
	w.message = message(w.message, timeSeries, message(series, samples, sample))
	p.timeAt = len(w.message) - msLen
	p.valueAt = p.timeAt - protowire.SizeTag(sampleTime) - protowire.SizeFixed64()
	w.points = append(w.points, p)
}

// Points is how many samples one send carries.
func (w *RemoteWrite) Points() int { return len(w.points) }

// Next moves every series on to time t, which is before 2109, and returns the body to send. It is overwritten by the next one.
func (w *RemoteWrite) Next(t time.Time) []byte {
	var ms [msLen]byte
	binary.PutUvarint(ms[:], uint64(t.UnixMilli()))
	for i := range w.points {
		p := &w.points[i]
		p.move(w.rnd)
		copy(w.message[p.timeAt:], ms[:])
		binary.LittleEndian.PutUint64(w.message[p.valueAt:], math.Float64bits(p.double()))
	}
	return s2.EncodeSnappy(w.body, w.message)
}
