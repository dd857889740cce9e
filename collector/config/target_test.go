// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTarget(t *testing.T) {
	for name, tc := range map[string]struct {
		server Server
		want   Target
	}{
		"loopback":                 {Server{Endpoint: "127.0.0.1:4317"}, Target{Address: "127.0.0.1:4317", Plain: true}},
		"all of 127/8 is loopback": {Server{Endpoint: "127.1.2.3:1"}, Target{Address: "127.1.2.3:1", Plain: true}},
		"a name is not resolved":   {Server{Endpoint: "localhost.example:1"}, Target{Address: "localhost.example:1"}},
		"allowed to be plain":      {Server{Endpoint: "a:1", TLS: TLS{Insecure: true}}, Target{Address: "a:1", Plain: true}},
		"a URL says it itself":     {Server{Endpoint: "https://a:1", TLS: TLS{Insecure: true}}, Target{Address: "a:1"}},
		"http":                     {Server{Endpoint: "http://a"}, Target{Address: "a:80", Plain: true}},
		"https":                    {Server{Endpoint: "https://a/"}, Target{Address: "a:443"}},
		"IPv6":                     {Server{Endpoint: "https://[::1]"}, Target{Address: "[::1]:443"}},
		"a path":                   {Server{Endpoint: "https://a/b/c/", Protocol: ProtocolHTTP}, Target{Address: "a:443", Path: "/b/c"}},
		"a slash is no path":       {Server{Endpoint: "http://a:1/", Protocol: ProtocolGRPC}, Target{Address: "a:1", Plain: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.server.Target()
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestOpAMPAddressFollowsTheServer(t *testing.T) {
	cfg := Default()
	cfg.OpAMP.Enabled = false
	cfg.OpAMP.Endpoint = "http://a:1"
	got, err := cfg.OpAMPURL()
	require.NoError(t, err)
	require.Empty(t, got, "switched off, whatever is configured")
	cfg = Default()
	for endpoint, want := range map[string]string{
		"http://a":       "http://a:80/v1/opamp",
		"a:7080":         "https://a:7080/v1/opamp",
		"[::1]:4318":     "http://[::1]:7080/v1/opamp",
		"https://a:4317": "https://a:7080/v1/opamp",
		"https://a:8443": "",
	} {
		cfg.Server.Endpoint = endpoint
		got, err := cfg.OpAMPURL()
		require.NoError(t, err)
		require.Equal(t, want, got, endpoint)
	}
	cfg.Server.Endpoint = "nowhere"
	_, err = cfg.OpAMPURL()
	require.ErrorContains(t, err, "server.endpoint")
}

// TestTargetRefusals: an endpoint that is no address, or says more than an address, is an error with the key's name.
func TestTargetRefusals(t *testing.T) {
	for endpoint, want := range map[string]string{
		"": "missing port", "a": "missing port", ":4317": "is not host:port", "a:port": "is not host:port", "a:65536": "is not host:port", "a:-1": "is not host:port", "[::1": "missing ']'",
		"ftp://a": `scheme "ftp"`, "://a": "missing protocol scheme", "http://": "is not scheme://host:port", "http://u:p@a": "is not scheme://host:port", "http://a?b=c": "is not scheme://host:port",
		"http://a#b": "is not scheme://host:port", "https://a/b": "a path needs protocol http",
	} {
		_, err := Server{Endpoint: endpoint, Protocol: ProtocolGRPC}.Target()
		require.ErrorContains(t, err, "server.endpoint: ", endpoint)
		require.ErrorContains(t, err, want, endpoint)
		require.NotContains(t, err.Error(), "u:p@", "a password is not told")
		cfg := Default()
		cfg.Server.Endpoint = endpoint
		require.ErrorContains(t, cfg.Validate(), want, "the whole configuration says so too")
	}
}

// TestDefaults: an agent without a file is valid, sends to this machine without TLS, and bounds what it keeps.
func TestDefaults(t *testing.T) {
	cfg := Default()
	require.NoError(t, cfg.Validate())
	target, err := cfg.Server.Target()
	require.NoError(t, err)
	require.Equal(t, Target{Address: "127.0.0.1:4317", Plain: true}, target)
	require.Positive(t, cfg.Queue.SignalBytes())
	require.LessOrEqual(t, 3*cfg.Queue.SignalBytes(), int64(cfg.Queue.SizeMiB)<<20)
	require.Positive(t, cfg.Host.Systemd.MaxUnits)
	require.Positive(t, cfg.Host.Containers.Max)
}
