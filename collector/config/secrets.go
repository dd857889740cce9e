// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const hidden = "<hidden>"

// WithoutSecrets replaces the values of keys that look like secrets and passwords in URLs, for a configuration that is shown.
func WithoutSecrets(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	hideBelow(&doc, false)
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func hideBelow(n *yaml.Node, secret bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			hideBelow(n.Content[i+1], secret || isSecret(n.Content[i].Value))
		}
	case yaml.ScalarNode:
		if secret && n.Value != "" && n.Tag != "!!bool" && n.Tag != "!!null" {
			n.SetString(hidden)
		} else {
			n.Value = hideUserInfo(n.Value)
		}
	default:
		for _, c := range n.Content {
			hideBelow(c, secret)
		}
	}
}

// isSecret judges a key by its name. The name of a file is shown.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, "_file") {
		return false
	}
	for _, word := range []string{"password", "passwd", "secret", "token", "credentials", "authorization", "api_key", "apikey"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "key"
}

// hideUserInfo takes the password out of a URL.
func hideUserInfo(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	return regexp.MustCompile(`(://[^/\s:@]*):[^/\s@]+@`).ReplaceAllString(s, "$1:"+hidden+"@")
}

// YAML renders the effective configuration with the key left out, so that it can be shown.
func (c Config) YAML() ([]byte, error) {
	if len(c.Scrape) > 0 {
		c.Scrape, _ = hideSecrets(c.Scrape).([]any)
	}
	if c.Server.Key != "" {
		c.Server.Key = "<hidden>"
	}
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("render configuration: %w", err)
	}
	return buf.Bytes(), nil
}

// hideSecrets returns a copy of decoded YAML in which what signs in is not shown.
func hideSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			switch name := strings.ToLower(k); {
			case name == "password" || name == "credentials" || name == "bearer_token" || name == "token" || strings.HasSuffix(name, "_secret") || strings.HasSuffix(name, "_key"):
				out[k] = "<hidden>"
			case name == "http_headers":
				out[k] = "<hidden>"
			default:
				out[k] = hideSecrets(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = hideSecrets(inner)
		}
		return out
	default:
		return v
	}
}
