// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package scrape_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/scrape"
)

func TestParseKubernetes(t *testing.T) {
	_, err := scrape.Parse("- {job_name: a, kubernetes_sd_configs: [{role: pod}]}")
	require.NoError(t, err)
}
