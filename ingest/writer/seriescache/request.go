// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"hash/maphash"

	"github.com/strata-apm/strata/search/wire"
)

// Numbers of opentelemetry-proto's fields (opentelemetry/proto/metrics/v1/metrics.proto).
const (
	requestResources = 1

	resourceItself = 1
	resourceScopes = 2
	resourceSchema = 3

	scopeItself  = 1
	scopeMetrics = 2
	scopeSchema  = 3

	metricName        = 1
	metricDescription = 2
	metricUnit        = 3
	metricGauge       = 5
	metricSum         = 7
	metricHistogram   = 9
)

// key is a hash of 128 bits with seeds that nobody outside knows: equal keys are of equal bytes.
type key struct{ hi, lo uint64 }

// hasher makes keys.
type hasher struct{ hi, lo maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed(), maphash.MakeSeed()} }

// Odd factors, so that what is added counts by its place.
const (
	factorHi = 0x9e3779b97f4a7c15
	factorLo = 0xc2b2ae3d27d4eb4f
)

func (h *hasher) add(k key, b []byte) key {
	return k.join(key{maphash.Bytes(h.hi, b), maphash.Bytes(h.lo, b)})
}

func (k key) join(o key) key { return key{k.hi*factorHi + o.hi, k.lo*factorLo + o.lo} }

// number adds a number to a key that holds hashed bytes already.
func (k key) number(n uint64) key { return k.join(key{n, n}) }

// request is what parse finds in a body; its parts refer to the body. It is used again for the next body.
type request struct {
	hasher
	resources []resource
	scopes    []scope
	metrics   []metric
	points    []point
}

// resource is one of ResourceMetrics.
type resource struct {
	span // of scopes
	origin
}

// scope is one of ScopeMetrics.
type scope struct {
	span // of metrics
	origin
}

// span is where the parts of something are in the slice of their kind.
type span struct{ from, to int }

// origin is a resource or a scope with the URL of its schema, each as its field came; nil where there is none.
type origin struct {
	itself, schema []byte
	key            key
}

// parse reads body and says whether it is as encoders write it: what is not is translated as a whole.
func (r *request) parse(body []byte) bool {
	r.resources, r.scopes, r.metrics, r.points = r.resources[:0], r.scopes[:0], r.metrics[:0], r.points[:0]
	f := wire.Of(body)
	for f.Next() {
		if f.Number != requestResources || f.Type != wire.Bytes || !r.resource(f.Bytes) {
			return false
		}
	}
	return !f.Malformed()
}

func (r *request) resource(body []byte) bool {
	out := resource{span: span{from: len(r.scopes)}}
	if !out.read(body) {
		return false
	}
	out.key = r.add(r.add(key{}, out.itself), out.schema)
	f := wire.Of(body)
	for f.Next() {
		if f.Number == resourceScopes && !r.scope(f.Bytes, out.key) {
			return false
		}
	}
	out.to = len(r.scopes)
	r.resources = append(r.resources, out)
	return out.to > out.from // Otherwise nobody would see whether the resource can be decoded.
}

func (r *request) scope(body []byte, of key) bool {
	out := scope{span: span{from: len(r.metrics)}}
	if !out.read(body) {
		return false
	}
	out.key = r.add(r.add(of, out.itself), out.schema)
	f := wire.Of(body)
	for f.Next() {
		if f.Number == scopeMetrics && !r.metric(f.Bytes, out.key) {
			return false
		}
	}
	out.to = len(r.metrics)
	r.scopes = append(r.scopes, out)
	return out.to > out.from // As above.
}

// read looks for what stands beside the parts. The numbers of its fields are the same in ResourceMetrics and ScopeMetrics.
func (o *origin) read(body []byte) bool {
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			return false
		case f.Number == resourceItself && o.itself == nil:
			o.itself = f.Raw()
		case f.Number == resourceSchema && o.schema == nil:
			o.schema = f.Raw()
		case f.Number != resourceScopes:
			return false
		}
	}
	return !f.Malformed()
}
