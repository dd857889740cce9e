// SPDX-License-Identifier: Apache-2.0

// Package pushed says what a configuration that the server pushes to an agent may contain. The agent asks it before it reads one, so
// that a server, or whoever took it over, can neither run a command on a host, nor write to it, nor learn its secrets, nor send the
// agent's data elsewhere. The server asks it too, to refuse early. It imports nothing of either.
package pushed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxBytes bounds a pushed configuration.
const MaxBytes = 256 << 10

// Error is a refusal that names its line, 1 for the first.
type Error struct {
	Line    int
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Keys are the agent's keys that may be pushed, as far as allowed says no more of them.
func Keys() []string {
	return []string{"attributes", "host", "journald", "logs", "middleware", "otlp", "scrape", "syslog"}
}

// Check refuses what may not be pushed, with an *Error where it knows the line. A text without keys is allowed: it pushes nothing.
func Check(text []byte) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("the configuration has %d bytes, more than %d", len(text), MaxBytes)
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return syntaxError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return &Error{root.Line, "not a mapping of keys"}
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		if !slices.Contains(Keys(), key.Value) {
			return &Error{key.Line, fmt.Sprintf("%s may not be pushed; allowed are %s", key.Value, strings.Join(Keys(), ", "))}
		}
		if err := walk(key.Value, root.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// syntaxError finds the line in the parser's message.
func syntaxError(err error) error {
	var line int
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if _, scan := fmt.Sscanf(text, "line %d:", &line); scan == nil {
		_, rest, _ := strings.Cut(text, ": ")
		return &Error{line, rest}
	}
	return fmt.Errorf("parse configuration: %w", err)
}

// walk looks at everything below a key. Anchors, aliases and merge keys could hide what they stand for, and are refused.
func walk(path string, n *yaml.Node) error {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return &Error{n.Line, "anchors and aliases may not be pushed"}
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := path + "." + key.Value
			if err := allowed(at, key, value); err != nil {
				return err
			}
			if err := walk(at, value); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := walk(path, item); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		// The expression language of log operators can read the agent's environment.
		if strings.HasPrefix(path, "logs.operators") && strings.Contains(strings.ReplaceAll(n.Value, " ", ""), "env(") {
			return &Error{n.Line, "env() may not be pushed: it reads the agent's environment"}
		}
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil
}

// allowed judges one key. Paths have no list indexes: logs.operators.type is that of any operator of any log.
func allowed(path string, key, value *yaml.Node) error {
	name := strings.ToLower(key.Value)
	switch {
	case name == "<<":
		return &Error{key.Line, "merge keys may not be pushed"}
	case path == "middleware.credentials_file":
		return &Error{key.Line, "middleware.credentials_file may not be pushed: credentials stay on the host"}
	// The content of such a file would be sent somewhere, or show whether the file exists.
	case strings.HasSuffix(name, "_file") || name == "command" || name == "exec" || name == "directory" || name == "journalctl_path" || name == "root_path":
		return &Error{key.Line, path + " may not be pushed: it names something on the host"}
	case name == "mask" && value.Value != "true":
		return &Error{key.Line, path + ": only the host's own file may turn the masking of secrets off"}
	case path == "attributes.host.name" || path == "attributes.host.id":
		return &Error{key.Line, key.Value + " may not be pushed: hosts would be taken for one another"}
	case path == "logs.operators.type" && !harmlessOperator(value.Value):
		return &Error{value.Line, fmt.Sprintf("the operator %q may not be pushed; parsers and transformers may", value.Value)}
	case path == "middleware.static.address":
		// The agent signs in there with the host's credentials.
		if host, _, err := net.SplitHostPort(value.Value); err != nil || !loopback(host) {
			return &Error{value.Line, fmt.Sprintf("middleware.static: only addresses of the host itself may be pushed, not %q", value.Value)}
		}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// harmlessOperator names the file log operators that only change a record. Others write files or to standard output.
func harmlessOperator(typ string) bool {
	return strings.HasSuffix(typ, "_parser") || slices.Contains([]string{
		"add", "assign_keys", "container", "copy", "filter", "flatten", "move", "noop", "recombine", "regex_replace", "remove", "retain",
		"router", "sanitize_utf8", "unquote",
	}, typ)
}
