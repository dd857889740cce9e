// SPDX-License-Identifier: Apache-2.0

package otelconfig

import "strings"

// merge lays over onto base: objects are merged key by key, null removes a key, anything else replaces it. service.extensions is the
// one list that is appended to, because leaving out our own would only break the agent.
func merge(base, over object) {
	mergeAt("", base, over)
}

func mergeAt(path string, base, over object) {
	for k, v := range over {
		at := strings.TrimPrefix(path+"."+k, ".")
		switch v := v.(type) {
		case nil:
			delete(base, k)
		case object:
			if b, ok := base[k].(object); ok {
				mergeAt(at, b, v)
				continue
			}
			base[k] = v
		case list:
			if b, ok := base[k].(list); ok && at == "service.extensions" {
				base[k] = append(append(list{}, b...), v...)
				continue
			}
			base[k] = v
		default:
			base[k] = v
		}
	}
}

// escape doubles every dollar sign, so that the collector's own expansion of ${…} returns what was written.
func escape(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "$", "$$")
	case object:
		out := make(object, len(v))
		for k, e := range v {
			out[k] = escape(e)
		}
		return out
	case list:
		out := make(list, len(v))
		for i, e := range v {
			out[i] = escape(e)
		}
		return out
	default:
		return v
	}
}
