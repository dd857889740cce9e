// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package scrape

import (
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // Registers kubernetes_sd_configs.
)
