// SPDX-License-Identifier: Apache-2.0

package seriescache

import "google.golang.org/protobuf/encoding/protowire"

// frame appends to dst, a request, resource i with those of its metrics whose numbers are in of, in their order.
func (r *request) frame(dst []byte, i int, of []int) []byte {
	res := &r.resources[i]
	body := append(append([]byte(nil), res.itself...), res.schema...)
	for _, sc := range r.scopes[res.from:res.to] {
		n := 0
		for n < len(of) && of[n] < sc.to {
			n++
		}
		if n == 0 {
			continue
		}
		inner := append(append([]byte(nil), sc.itself...), sc.schema...)
		for _, j := range of[:n] {
			inner = protowire.AppendTag(inner, scopeMetrics, protowire.BytesType)
			inner = protowire.AppendBytes(inner, r.metrics[j].body)
		}
		of = of[n:]
		body = protowire.AppendTag(body, resourceScopes, protowire.BytesType)
		body = protowire.AppendBytes(body, inner)
	}
	dst = protowire.AppendTag(dst, requestResources, protowire.BytesType)
	return protowire.AppendBytes(dst, body)
}
