// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// moved are keys that have another name by now, and what is below them.
func moved() map[string]string {
	return map[string]string{
		"otlp.max_body_bytes":  "intake.max_body_bytes",
		"otlp.in_flight_bytes": "intake.in_flight_bytes",
		"otlp.limits":          "intake.limits",
	}
}

// movedKey says under which name a key is now read, and whether it has moved.
func movedKey(key string) (now string, ok bool) {
	for from, to := range moved() {
		if rest, found := strings.CutPrefix(key, from); found && (rest == "" || rest[0] == '.') {
			return to + rest, true
		}
	}
	return "", false
}

// checkMoved reports the keys of a document that have moved. What else is wrong with it the decoder finds out.
func checkMoved(b []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil || len(doc.Content) == 0 {
		return nil //nolint:nilerr // The decoder says it better.
	}
	return movedIn(doc.Content[0], "")
}

func movedIn(n *yaml.Node, path string) error {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
		if now, ok := movedKey(key); ok {
			return fmt.Errorf("line %d: %s is called %s now", n.Content[i].Line, key, now)
		}
		if err := movedIn(n.Content[i+1], key); err != nil {
			return err
		}
	}
	return nil
}

// movedVariable is movedKey for the variables of the environment.
func movedVariable(name string) (now string, ok bool) {
	for from, to := range moved() {
		if rest, found := strings.CutPrefix(name, variable(from)); found && (rest == "" || rest[0] == '_') {
			return variable(to) + rest, true
		}
	}
	return "", false
}

// variable is the name of the variable of a key.
func variable(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}
