// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads the file at path over a pushed configuration and validates the result. An empty path is no file, an empty pushed text no
// pushed configuration.
func Load(path string, pushed []byte) (Config, error) {
	if path == "" {
		return Merge(pushed, nil)
	}
	text, err := os.ReadFile(path) //nolint:gosec // The operator names the file.
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := Merge(pushed, text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return cfg, nil
}

// Parse reads a configuration file's text over the defaults and validates the result. Unknown keys are errors that name the line.
func Parse(text []byte) (Config, error) { return Merge(nil, text) }

// Merge reads a pushed configuration over the defaults and the file's text over both, and validates the result. Maps are merged key by
// key; a list is that of the last text that has it.
func Merge(pushed, text []byte) (Config, error) {
	cfg := Default()
	if err := decodeOver(&cfg, pushed); err != nil {
		return Config{}, fmt.Errorf("parse pushed configuration: %w", err)
	}
	if err := decodeOver(&cfg, text); err != nil {
		return Config{}, fmt.Errorf("parse configuration: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// decodeOver reads a text of one YAML document over cfg. An empty text changes nothing.
func decodeOver(cfg *Config, text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(cfg); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

// ReadKey returns the key to send: what KeyFile holds where one is configured, Key otherwise. It is empty when there is neither.
func (c Server) ReadKey() (string, error) {
	if c.KeyFile == "" {
		return c.Key, nil
	}
	b, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return "", fmt.Errorf("read server.key_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
