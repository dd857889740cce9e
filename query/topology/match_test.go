// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/storage"
)

func TestFind(t *testing.T) {
	g := newGraph(nil, storage.Links{Whole: true})
	g.addMiddleware([]middleware.Instance{
		{Kind: "redis", Name: "web-1:6379", Host: "web-1", Addresses: []string{"10.0.0.5:6379", "[fd00::5]:6379"}},
		{Kind: "redis", Name: "web-1:6380", Host: "web-1"},
		{Kind: "memcached", Name: "web-1:11211", Host: "web-1", Addresses: []string{"172.17.0.1:11211"}},
		{Kind: "memcached", Name: "web-2:11211", Host: "web-2", Addresses: []string{"172.17.0.1:11211"}},
		{Kind: "mysql", Name: "DB-1.example.com:3307", Host: "DB-1.example.com"},
		{Kind: "kafka", Name: "10.0.0.9:9092", Host: "web-1"},
		{Kind: "nginx", Name: "web-1:80", Host: "web-1"},
		{Kind: "postgresql", Name: "[::1]:5432", Host: "web-1"},
	})
	peer := func(system, address, port string) storage.Peer {
		return storage.Peer{Type: "db", System: system, Address: address, Port: port}
	}
	for name, c := range map[string]struct {
		peer storage.Peer
		want string
	}{
		"host and port":                    {peer("redis", "web-1", "6379"), "redis:web-1:6379"},
		"another port":                     {peer("redis", "web-1", "6380"), "redis:web-1:6380"},
		"an unknown port":                  {peer("redis", "web-1", "6381"), ""},
		"another host":                     {peer("redis", "web-2", "6379"), ""},
		"another system":                   {peer("memcached", "web-1", "6379"), ""},
		"the usual port of two":            {peer("redis", "web-1", ""), "redis:web-1:6379"},
		"the only one without a port":      {peer("mysql", "db-1", ""), "mysql:DB-1.example.com:3307"},
		"a name of the same system":        {peer("mariadb", "db-1.example.com.", "3307"), "mysql:DB-1.example.com:3307"},
		"another domain":                   {peer("mysql", "db-1.example.org", "3307"), ""},
		"an address the agent told":        {peer("redis", "10.0.0.5", "6379"), "redis:web-1:6379"},
		"the same by the connection":       {storage.Peer{Type: "db", System: "valkey", Address: "cache", NetworkAddress: "fd00::5", Port: "6379"}, "redis:web-1:6379"},
		"an address as name":               {storage.Peer{Type: "messaging", System: "kafka", Address: "10.0.0.9", Port: "9092"}, "kafka:10.0.0.9:9092"},
		"addresses have no domains":        {storage.Peer{Type: "messaging", System: "kafka", Address: "10", Port: "9092"}, ""},
		"loopback on its host":             {storage.Peer{Type: "db", System: "redis", Address: "localhost", Port: "6379", Host: "web-1"}, "redis:web-1:6379"},
		"loopback elsewhere":               {storage.Peer{Type: "db", System: "redis", Address: "127.0.0.1", Port: "6379", Host: "web-2"}, ""},
		"loopback of nobody":               {peer("redis", "::1", "6379"), ""},
		"loopback is not a remote one":     {storage.Peer{Type: "messaging", System: "kafka", Address: "localhost", Port: "9092", Host: "web-1"}, ""},
		"an instance known by its address": {storage.Peer{Type: "db", System: "postgresql", Address: "[::1]", Port: "5432", Host: "web-1"}, "postgresql:[::1]:5432"},
		"HTTP":                             {storage.Peer{Type: "http", System: "http", Address: "web-1", Port: "80"}, "nginx:web-1:80"},
		"RPC":                              {storage.Peer{Type: "rpc", System: "grpc", Address: "web-1", Port: "80"}, ""},
		"an address of two":                {peer("memcached", "172.17.0.1", "11211"), ""},
		"no address at all":                {peer("redis", "", "6379"), ""},
	} {
		want := c.want
		if want != "" {
			want = "middleware:" + want
		}
		require.Equal(t, want, g.find(c.peer), name)
	}
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"web-1", "WEB-1", true},
		{"web-1", "web-1.example.com", true},
		{"web-1.example.com", "web-1", true},
		{"web-1.example.com.", "web-1.example.com", true},
		{"web-1.example.com", "web-1.example.org", false},
		{"web-1", "web-2", false},
		{"", "", false},
		{"web-1", "", false},
		{"10.0.0.1", "10.0.0.1", true},
		{"10", "10.0.0.1", false},
		{"10.0.0.1", "10", false},
		{"fd00::1", "FD00::1", true},
	} {
		require.Equal(t, c.want, sameHost(c.a, c.b), "%q and %q", c.a, c.b)
	}
}

func TestSplitAddress(t *testing.T) {
	for address, want := range map[string][2]string{
		"web-1:80": {"web-1", "80"}, "web-1": {"web-1", ""}, "[::1]:80": {"::1", "80"}, "[::1]": {"::1", ""}, "::1": {"::1", ""}, "": {"", ""}, "a:b:c": {"a:b:c", ""},
	} {
		host, port := splitAddress(address)
		require.Equal(t, want, [2]string{host, port}, address)
	}
}

func TestIsLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.8.0.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "10.0.0.1": false, "localhost.example.com": false, "127": false,
	} {
		require.Equal(t, want, isLoopback(address), address)
	}
}

// TestUsualPorts: a kind that calls may go to has a port for calls that name none.
func TestUsualPorts(t *testing.T) {
	for _, system := range []string{"mysql", "mariadb", "percona", "postgresql", "redis", "valkey", "memcached", "elasticsearch", "opensearch"} {
		for _, kind := range kindsOf("db", system) {
			require.NotEmpty(t, usualPort(kind), system)
		}
	}
	for _, system := range []string{"kafka", "rabbitmq"} {
		require.Equal(t, []string{system}, kindsOf("messaging", system))
		require.NotEmpty(t, usualPort(system))
	}
	for _, kind := range kindsOf("http", "http") {
		require.NotEmpty(t, usualPort(kind))
	}
	require.Empty(t, kindsOf("rpc", "grpc"))
	require.Empty(t, kindsOf("other", ""))
}

func TestPart(t *testing.T) {
	require.EqualValues(t, 0, part(5, 0, 100), "nothing was sampled")
	require.EqualValues(t, 100, part(5, 5, 100))
	require.EqualValues(t, 33, part(1, 3, 100))
	require.EqualValues(t, 67, part(2, 3, 100), "rounded, not cut off")
	require.EqualValues(t, 5_000_000_000_000, part(1, 2, 10_000_000_000_000))
}

func TestLoadPlus(t *testing.T) {
	one, two := 1.0, 2.0
	require.Equal(t, Load{Calls: 3, Errors: 1, P95: &two}, Load{Calls: 1, P95: &one}.plus(Load{Calls: 2, Errors: 1, P95: &two}))
	require.Equal(t, Load{P95: &two}, Load{P95: &two}.plus(Load{P95: &one}))
	require.Equal(t, Load{P95: &one}, Load{}.plus(Load{P95: &one}))
	require.Equal(t, Load{P95: &one}, Load{P95: &one}.plus(Load{}), "what was not measured changes nothing")
	require.Nil(t, Load{}.plus(Load{}).P95)
}
