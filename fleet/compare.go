// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// compare renders an offered configuration and what of it is in effect in the same form, so that they differ only where the host's own
// file has another opinion.
func compare(offered, effective string) (want, have string, err error) {
	var o, e any
	if err := yaml.Unmarshal([]byte(offered), &o); err != nil {
		return "", "", fmt.Errorf("read the offered configuration: %w", err)
	}
	if err := yaml.Unmarshal([]byte(effective), &e); err != nil {
		return "", "", fmt.Errorf("read the effective configuration: %w", err)
	}
	if want, err = render(o); err != nil {
		return "", "", err
	}
	have, err = render(alike(o, e))
	return want, have, err
}

func render(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("render configuration: %w", err)
	}
	return string(text), nil
}

// alike returns the part of have that want speaks of. Items of lists are taken by their place.
func alike(want, have any) any {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have
		}
		out := map[string]any{}
		for k, v := range w {
			if x, ok := h[k]; ok {
				out[k] = alike(v, x)
			}
		}
		return out
	case []any:
		h, ok := have.([]any)
		if !ok {
			return have
		}
		out := make([]any, len(h))
		for i := range h {
			if out[i] = h[i]; i < len(w) {
				out[i] = alike(w[i], h[i])
			}
		}
		return out
	default:
		return have
	}
}
