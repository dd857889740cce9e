// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfig(t *testing.T) {
	require.NoError(t, Default().Validate())
	for _, c := range []struct {
		url, database, host, want, err string
	}{
		{url: "", host: "engine", want: "strata"},
		{url: "http://u:p@ch:9000/otel", host: "ch:9000", want: "otel"},
		{url: "https://ch", host: "ch:8443", want: "strata"},
		{url: "http://ch/otel", database: "mine", host: "ch:8123", want: "mine"},
		{url: "clickhouse://ch:9000/otel", err: "native protocol"},
		{url: "ftp://ch", err: "neither http nor https"},
		{url: "http://", err: "no host"},
		{url: "http://u:secret@%zz", err: "malformed"},
		{url: "http://ch/a-b", err: "plain name"},
	} {
		cfg := Default()
		cfg.URL, cfg.Database = c.url, c.database
		err := cfg.Validate()
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), "secret")
			continue
		}
		require.NoError(t, err)
		got, err := cfg.target()
		require.NoError(t, err)
		require.Equal(t, c.host, got.host)
		require.Equal(t, c.want, got.database)
	}
	cluster := Default()
	cluster.Cluster, cluster.Insert.Quorum = "shop", 2
	require.ErrorContains(t, cluster.Validate(), "embedded engine is one node")
	cluster.URL = "http://ch"
	require.NoError(t, cluster.Validate())
	cluster.Cluster = "a b'"
	require.ErrorContains(t, cluster.Validate(), "plain name")
	cluster.Cluster = ""
	require.ErrorContains(t, cluster.Validate(), "insert.quorum")
}
