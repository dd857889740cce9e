// SPDX-License-Identifier: Apache-2.0

// Package config is the agent's own YAML file: its types, defaults and validation, what the server pushed below it, and how it is shown
// without secrets.
package config
