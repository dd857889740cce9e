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

// Type is one kind of notifier, made by TypeOf.
type Type struct {
	name string
	// config is the zero value of the config's struct.
	config any
	keys   keys
	// read decodes a config whose keys are known, checks it, and returns it as it is stored, with its notifier.
	read func(config []byte) (stored []byte, n Notifier, err error)
	// err is what is wrong with the struct, which NewTypes reports.
	err error
}

// TypeOf returns the type of that name whose config is a C, a struct as the package's comment describes it. build checks a config and makes
// its notifier; its errors begin with the key they are about.
func TypeOf[C any](name string, build func(C) (Notifier, error)) Type {
	var zero C
	k, err := keysOf(zero)
	return Type{name: name, config: zero, keys: k, err: err, read: func(config []byte) ([]byte, Notifier, error) {
		var c C
		if err := json.Unmarshal(config, &c); err != nil {
			return nil, nil, mistyped(err)
		}
		n, err := build(c)
		if err != nil {
			return nil, nil, err
		}
		stored, err := json.Marshal(c)
		return stored, n, err
	}}
}

// mistyped names the key of a value that is of the wrong kind.
func mistyped(err error) error {
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && bad.Field != "" {
		return fmt.Errorf("%s: must be %s, not %s", bad.Field, jsonType(bad.Type), bad.Value)
	}
	return err
}

// jsonType is what JSON calls a Go type.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	default:
		return "number"
	}
}

// Types is the table of all types. Safe for concurrent use.
type Types struct{ byName map[string]Type }

// NewTypes returns the table of these rows. Two types of one name are an error, and a type whose struct is not as the package's comment says.
func NewTypes(rows ...Type) (Types, error) {
	t := Types{byName: make(map[string]Type, len(rows))}
	for _, row := range rows {
		_, twice := t.byName[row.name]
		switch {
		case twice:
			return Types{}, fmt.Errorf("notifier type %q is in the table twice", row.name)
		case row.err != nil:
			return Types{}, fmt.Errorf("notifier type %q: %w", row.name, row.err)
		case row.read == nil:
			return Types{}, fmt.Errorf("notifier type %q was not made by TypeOf", row.name)
		}
		t.byName[row.name] = row
	}
	return t, nil
}

// Names lists the types, sorted.
func (t Types) Names() []string { return slices.Sorted(maps.Keys(t.byName)) }

// Configs returns the zero value of each type's config struct, by the type's name.
func (t Types) Configs() map[string]any {
	out := make(map[string]any, len(t.byName))
	for name, typ := range t.byName {
		out[name] = typ.config
	}
	return out
}

func (t Types) of(name string) (Type, error) {
	typ, ok := t.byName[name]
	if !ok {
		return Type{}, fmt.Errorf("type: %q is none of %s", name, strings.Join(t.Names(), ", "))
	}
	return typ, nil
}

// Accept reads a config that somebody has written and returns it as it is stored. Secrets that it does not name are those of before, the
// stored config of the same notifier and type, which is empty for a new one. Errors name the key, are for the writer, and hold no secret.
func (t Types) Accept(name string, written json.RawMessage, before string) (string, error) {
	typ, err := t.of(name)
	if err != nil {
		return "", err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(written, &config); err != nil || config == nil {
		return "", fmt.Errorf("config: must be an object with the keys %s", strings.Join(typ.keys.all(), ", "))
	}
	if err := typ.keys.check(config); err != nil {
		return "", fmt.Errorf("config.%w", err)
	}
	if err := typ.keys.keepSecrets(config, before); err != nil {
		return "", fmt.Errorf("config.%w", err)
	}
	merged, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	stored, _, err := typ.read(merged)
	if err != nil {
		return "", fmt.Errorf("config.%w", err)
	}
	return string(stored), nil
}

// Show returns a stored config as it may be shown: in place of each secret there is whether it is set.
func (t Types) Show(name, stored string) (json.RawMessage, error) {
	typ, err := t.of(name)
	if err != nil {
		return nil, err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal([]byte(stored), &config); err != nil {
		return nil, errors.New("config: what is stored is not readable") // The decoder's words could hold a part of it.
	}
	shown, err := json.Marshal(typ.keys.redact(config))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return shown, nil
}

// Notifier makes the notifier of a stored config.
func (t Types) Notifier(name, stored string) (Notifier, error) {
	typ, err := t.of(name)
	if err != nil {
		return nil, err
	}
	_, n, err := typ.read([]byte(stored))
	if err != nil {
		return nil, fmt.Errorf("config.%w", err)
	}
	return n, nil
}
