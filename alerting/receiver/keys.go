// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// setSuffix ends the name of the key that says whether a secret is set.
const setSuffix = "_set"

// keys are the keys of a config.
type keys struct {
	// written can be given and are stored, shown as well unless they are secrets.
	written []string
	// secrets are the written ones that are not shown.
	secrets []string
}

// keysOf reads the keys from the tags of a struct's fields.
func keysOf(config any) (keys, error) {
	t := reflect.TypeOf(config)
	if t == nil || t.Kind() != reflect.Struct {
		return keys{}, fmt.Errorf("a config must be a struct, not %T", config)
	}
	var k keys
	var flags []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" || name == "-" || f.Anonymous:
			return keys{}, fmt.Errorf("field %s of the config has no JSON name", f.Name)
		case f.Tag.Get("readOnly") == "true":
			flags = append(flags, name)
			continue
		case f.Tag.Get("writeOnly") == "true":
			k.secrets = append(k.secrets, name)
		}
		k.written = append(k.written, name)
	}
	want := make([]string, len(k.secrets))
	for i, s := range k.secrets {
		want[i] = s + setSuffix
	}
	slices.Sort(want)
	slices.Sort(flags)
	if !slices.Equal(want, flags) {
		return keys{}, fmt.Errorf("the config's secrets need the read-only fields %v, it has %v", want, flags)
	}
	slices.Sort(k.written)
	return k, nil
}

// all lists what may be written.
func (k keys) all() []string { return k.written }

// check refuses keys that there are not, by their exact names: a decoder would take "Secret" for "secret". Keys that are only read are dropped, so that an
// answer can be sent back, and so is null, which is as good as nothing.
func (k keys) check(config map[string]json.RawMessage) error {
	for _, s := range k.secrets {
		delete(config, s+setSuffix)
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		if !slices.Contains(k.written, name) {
			return fmt.Errorf("%s: unknown; the keys are %s", name, strings.Join(k.written, ", "))
		}
		if string(config[name]) == "null" {
			delete(config, name)
		}
	}
	return nil
}

// keepSecrets adds the secrets of before, a stored config or nothing, that config does not name.
func (k keys) keepSecrets(config map[string]json.RawMessage, before string) error {
	if before == "" {
		return nil
	}
	var had map[string]json.RawMessage
	err := json.Unmarshal([]byte(before), &had)
	for _, s := range k.secrets {
		if _, named := config[s]; named {
			continue
		}
		if err != nil {
			return errors.New(s + ": must be given again, the stored one is not readable")
		}
		if v, ok := had[s]; ok {
			config[s] = v
		}
	}
	return nil
}

// redact returns the config without its secrets and with whether they are set.
func (k keys) redact(config map[string]json.RawMessage) map[string]any {
	out := make(map[string]any, len(config))
	for name, v := range config {
		if slices.Contains(k.written, name) && !slices.Contains(k.secrets, name) {
			out[name] = v
		}
	}
	for _, s := range k.secrets {
		v, ok := config[s]
		out[s+setSuffix] = ok && string(v) != `""` && string(v) != "null"
	}
	return out
}
