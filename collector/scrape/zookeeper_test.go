// SPDX-License-Identifier: Apache-2.0

package scrape_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/middlewaretest"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestZooKeeper: members of a serverset and of a Nerve service, in a real ZooKeeper, are scraped while they are there. A member that dies is
// gone with its session.
func TestZooKeeper(t *testing.T) {
	t.Parallel()
	server := middlewaretest.ZooKeeper(t, "")
	connect := func() *zk.Conn {
		c, events, err := zk.Connect([]string{server.Addr}, 10*time.Second, zk.WithLogger(quiet{}))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		for timeout := time.After(arrival); c.State() != zk.StateHasSession; {
			select { // Before it serves, it listens and hangs up.
			case <-events:
			case <-timeout:
				require.Fail(t, "no session")
			}
		}
		return c
	}
	create := func(c *zk.Conn, path, data string, flags int32) {
		t.Helper()
		_, err := c.Create(path, []byte(data), flags, zk.WorldACL(zk.PermAll))
		require.NoError(t, err, path)
	}
	one, two, admin := target(t, local(0), "one"), target(t, local(0), "two"), target(t, local(0), "admin")
	mine := connect()
	for _, path := range []string{"/shop", "/shop/members", "/nerve"} {
		create(mine, path, "", 0)
	}
	serverset := `{"serviceEndpoint":{"host":"127.0.0.1","port":%d},"additionalEndpoints":{"admin":{"host":"127.0.0.1","port":%d}},"status":"ALIVE","shard":%d}`
	create(mine, "/shop/members/member_0000000000", fmt.Sprintf(serverset, one, admin, 0), zk.FlagEphemeral)
	create(mine, "/nerve/web1", fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"name":"web1"}`, one), zk.FlagEphemeral)

	s, next := newStore(t)
	start(
		t, next,
		job(t, `{job_name: serverset, serverset_sd_configs: [{servers: ["`+server.Addr+`"], paths: [/shop/members]}], relabel_configs: [
			{source_labels: [__meta_serverset_status], regex: ALIVE, action: keep},
			{source_labels: [__meta_serverset_shard], target_label: shard}, {source_labels: [__meta_serverset_path], target_label: path}]}`),
		job(t, `{job_name: admin, serverset_sd_configs: [{servers: ["`+server.Addr+`"], paths: [/shop/members]}], relabel_configs: [
			{source_labels: [__meta_serverset_endpoint_host_admin, __meta_serverset_endpoint_port_admin], separator: ":", target_label: __address__},
			{source_labels: [__meta_serverset_shard], target_label: shard}]}`),
		job(t, `{job_name: nerve, nerve_sd_configs: [{servers: ["`+server.Addr+`"], paths: [/nerve]}], relabel_configs: [
			{source_labels: [__meta_nerve_endpoint_name], target_label: name}]}`),
	)
	first := "instance=" + local(one) + " path=/shop/members/member_0000000000 program=one shard=0"
	s.wait(t, "serverset", first)
	s.wait(t, "admin", "instance="+local(admin)+" program=admin shard=0")
	s.wait(t, "nerve", "instance="+local(one)+" name=web1 program=one")

	theirs := connect()
	create(theirs, "/shop/members/member_0000000001", fmt.Sprintf(serverset, two, admin, 1), zk.FlagEphemeral)
	create(theirs, "/shop/members/member_0000000002", `not a member`, zk.FlagEphemeral)
	create(theirs, "/nerve/web2", fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"name":"web2"}`, two), zk.FlagEphemeral)
	s.wait(t, "serverset", first, "instance="+local(two)+" path=/shop/members/member_0000000001 program=two shard=1")
	s.wait(t, "nerve", "instance="+local(one)+" name=web1 program=one", "instance="+local(two)+" name=web2 program=two")

	theirs.Close()
	require.NoError(t, mine.Delete("/nerve/web1", -1))
	s.wait(t, "serverset", first)
	s.wait(t, "nerve")
}
