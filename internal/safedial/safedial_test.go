// SPDX-License-Identifier: Apache-2.0

package safedial

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCheckAddr(t *testing.T) {
	for addr, want := range map[string][2]bool{ // guarded, private allowed
		"127.0.0.1": {false, true}, "127.9.9.9": {false, true}, "::1": {false, true}, "::ffff:10.0.0.1": {false, true}, "10.0.0.1": {false, true},
		"172.16.0.1": {false, true}, "192.168.1.1": {false, true}, "169.254.169.254": {false, true}, "fe80::1": {false, true}, "fd00:ec2::254": {false, true},
		"100.64.0.1": {false, true}, "0.0.0.0": {false, false}, "::": {false, false}, "224.0.0.1": {false, false}, "ff02::1": {false, false},
		"::ffff:127.0.0.1": {false, true}, "64:ff9b::7f00:1": {false, true}, "2002:7f00:1::": {false, true}, "::7f00:1": {false, true}, "240.0.0.1": {false, true},
		"255.255.255.255": {false, true}, "0.1.2.3": {false, true}, "::ffff:0.0.0.0": {false, false},
		"1.1.1.1": {true, true}, "93.184.216.34": {true, true}, "2606:4700::1111": {true, true},
	} {
		ip := netip.MustParseAddr(addr)
		require.Equal(t, want[0], CheckAddr(ip, false) == nil, addr)
		require.Equal(t, want[1], CheckAddr(ip, true) == nil, "%s with allow_private", addr)
	}
}

func TestValidateURL(t *testing.T) {
	for _, bad := range []string{
		"", "ftp://x", "//x", "http://", "http://user:pw@x/", "http://x:0/", "http://x:99999/", "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
		"http://169.254.169.254/latest", "http://[fe80::1%25eth0]/", "javascript:alert(1)", "http://0.0.0.0/", "file:///etc/passwd",
	} {
		require.Error(t, ValidateURL(bad, false), bad)
	}
	require.NoError(t, ValidateURL("https://hooks.example/x?y=z", false))
	require.NoError(t, ValidateURL("http://127.0.0.1:9/", true))
	require.Error(t, ValidateURL("http://0.0.0.0/", true))
}

// TestRebinding: the name resolves to a public address when somebody looks and to loopback when it is dialled. Only what is dialled counts.
func TestRebinding(t *testing.T) {
	client := NewClient(time.Second, false)
	dialer := &net.Dialer{Control: Control(false)}
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, "127.0.0.1:9")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://public.example/", http.NoBody)
	require.NoError(t, err)
	_, err = client.Do(req)
	require.ErrorIs(t, err, ErrForbiddenAddress)
}

// TestClient: loopback is reached only where private addresses are allowed, and a redirection is the answer, not followed.
func TestClient(t *testing.T) {
	srv := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:9/", http.StatusFound))
	defer srv.Close()
	for _, allowed := range []bool{false, true} {
		client := NewClient(time.Second, allowed)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		if !allowed {
			require.ErrorIs(t, err, ErrForbiddenAddress)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusFound, resp.StatusCode)
		client.CloseIdleConnections()
	}
}

func TestControlRefusesOtherNetworks(t *testing.T) {
	for _, c := range [][2]string{{"udp4", "1.1.1.1:53"}, {"unix", "/run/docker.sock"}, {"tcp4", "no port"}, {"tcp4", "name:80"}} {
		require.ErrorIs(t, Control(true)(c[0], c[1], nil), ErrForbiddenAddress, c)
	}
	require.NoError(t, Control(false)("tcp4", "1.1.1.1:80", nil))
}
