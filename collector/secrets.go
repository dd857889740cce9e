// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const hidden = "<hidden>"

// withoutSecrets replaces the values of keys that look like secrets and passwords in URLs, for a configuration that is shown.
func withoutSecrets(text []byte) ([]byte, error) {
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

// isSecret judges a key by its name. What names a file is shown.
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
