// SPDX-License-Identifier: Apache-2.0

// Package deploy tests what lies in deploy/: every example is judged by strata itself, units by systemd-analyze, scripts by shellcheck, the
// agent's package by dpkg in a file system of its own, and the Helm chart, compose.yaml and the Dockerfile by the libraries that read them
// (module checks).
package deploy
