// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix starts every variable that overrides a key: otlp.grpc_listen is STRATA_OTLP_GRPC_LISTEN.
const EnvPrefix = "STRATA_"

// applyEnv sets the keys that environ names. A variable with the prefix that names no key is an error, as an unknown key in the file
// is; those other commands read are passed over.
func applyEnv(cfg *Config, environ []string) error {
	var doc yaml.Node
	if err := doc.Encode(cfg); err != nil {
		return fmt.Errorf("read configuration keys: %w", err)
	}
	keys := map[string][]string{}
	leaves(&doc, nil, keys)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || otherVariable(name) || serviceVariable(name, value) {
			continue
		}
		path, ok := keys[name]
		if now, moved := movedVariable(name); moved {
			return fmt.Errorf("environment variable %s is called %s now", name, now)
		}
		if !ok {
			return fmt.Errorf("environment variable %s names no configuration key; `strata config` prints them all", name)
		}
		b, err := yaml.Marshal(nest(path, value))
		if err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
		if err := decode(b, cfg); err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
	}
	return nil
}

// serviceVariable says whether Kubernetes made the variable, for a service whose name begins with strata.
func serviceVariable(name, value string) bool {
	return strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_SERVICE_PORT") || strings.Contains(name, "_PORT_") && strings.Contains(name, "_TCP") ||
		strings.HasSuffix(name, "_PORT") && strings.HasPrefix(value, "tcp://")
}

// otherVariable says whether a variable is not about the configuration: the engine's download and the key for commands.
func otherVariable(name string) bool {
	switch name {
	case "STRATA_ENGINE_URL", "STRATA_CONFIG", "STRATA_URL", "STRATA_KEY":
		return true
	default:
		return strings.HasPrefix(name, "STRATA_TEST_")
	}
}

// leaves collects the paths of all scalars and lists by the name of their variable.
func leaves(n *yaml.Node, path []string, out map[string][]string) {
	if n.Kind != yaml.MappingNode {
		out[EnvPrefix+strings.ToUpper(strings.Join(path, "_"))] = path
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		leaves(n.Content[i+1], append(slices.Clip(path), n.Content[i].Value), out)
	}
}

// nest wraps value, read as YAML, in one mapping for each part of path.
func nest(path []string, value string) *yaml.Node {
	var leaf yaml.Node
	if err := yaml.Unmarshal([]byte(value), &leaf); err != nil || len(leaf.Content) == 0 {
		leaf = yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: yaml.DoubleQuotedStyle}
	} else {
		leaf = *leaf.Content[0]
	}
	node := &leaf
	for _, p := range slices.Backward(path) {
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: p}, node}}
	}
	return node
}
