// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/storage"
)

// load is two hours of two machines: "a" lives throughout, "b" falls silent after an hour.
const load = `
load 30s
	system_cpu_time_seconds_total{host_name="a",cpu="cpu0",state="idle"} 0+22.5x240
	system_cpu_time_seconds_total{host_name="a",cpu="cpu0",state="user"} 0+7.5x240
	system_memory_usage_bytes{host_name="a",state="used"} 25x240
	system_memory_usage_bytes{host_name="a",state="free"} 65x240
	system_memory_usage_bytes{host_name="a",state="cached"} 10x240
	system_memory_usage_bytes{host_name="a",state="slab_reclaimable"} 5x240
	system_filesystem_usage_bytes{host_name="a",device="/dev/sda1",mountpoint="/",type="ext4",mode="rw",state="used"} 30x240
	system_filesystem_usage_bytes{host_name="a",device="/dev/sda1",mountpoint="/",type="ext4",mode="rw",state="free"} 70x240
	system_filesystem_usage_bytes{host_name="a",device="/dev/sdb1",mountpoint="/data",type="xfs",mode="rw",state="used"} 90x240
	system_filesystem_usage_bytes{host_name="a",device="/dev/sdb1",mountpoint="/data",type="xfs",mode="rw",state="free"} 10x240
	system_filesystem_usage_bytes{host_name="a",device="/dev/loop0",mountpoint="/snap",type="squashfs",mode="ro",state="used"} 5x240
	system_cpu_load_average_1m{host_name="a"} 0.5x240
	system_network_io_bytes_total{host_name="a",device="eth0",direction="receive"} 0+3000x240
	system_network_io_bytes_total{host_name="a",device="lo",direction="receive"} 0+90000x240
	system_network_io_bytes_total{host_name="a",device="eth0",direction="transmit"} 0+600x240
	system_disk_io_bytes_total{host_name="a",device="sda",direction="read"} 0+30x240
	system_disk_io_bytes_total{host_name="a",device="sda",direction="write"} 0+60x240
	process_cpu_time_seconds_total{host_name="a",process_executable_name="postgres",process_pid="7",state="user"} 0+15x240
	process_memory_usage_bytes{host_name="a",process_executable_name="postgres",process_pid="7"} 1000x240
	target_info{host_name="a",job="agent",instance="a",host_id="id-a",os_type="linux",host_arch="amd64"} 1x240
	target_info{host_name="a",job="shop",instance="x",service_name="shop"} 1x240
	target_info{host_name="a",instance="process.executable.name=pg,process.pid=7",host_id="id-a",os_type="linux",host_arch="amd64",process_pid="7",process_owner="pg",process_command="pg"} 1x240
	target_info{host_name="b\"}",instance="process.pid=7",host_id="id-b",process_pid="7"} 1x120
	system_memory_usage_bytes{host_name="b\"}",state="used"} 50x120
	system_memory_usage_bytes{host_name="b\"}",state="free"} 50x120
	system_memory_usage_bytes{state="used"} 50x240
`

func TestHosts(t *testing.T) {
	store := promqltest.LoadedStorage(t, load)
	t.Cleanup(func() { _ = store.Close() })
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	r := New(prom.New(engine, store))
	at := func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d).UTC() }
	rng := storage.TimeRange{Start: at(0), End: at(2 * time.Hour)}

	answer, err := r.List(t.Context(), rng)
	require.NoError(t, err)
	require.Empty(t, answer.Warnings)
	list := answer.Hosts
	require.Len(t, list, 2)
	a, b := list[0], list[1]
	require.Equal(t, "a id-a linux amd64", a.Name+" "+a.ID+" "+a.OS+" "+a.Arch)
	require.True(t, a.Up)
	require.Equal(t, at(2*time.Hour), a.LastSeen)
	for what, c := range map[string]struct {
		got  *float64
		want float64
	}{
		"cpu": {a.CPU, 0.25}, "memory": {a.Memory, 0.25}, "disk": {a.Disk, 0.9}, "load": {a.Load1, 0.5}, "in": {a.NetworkIn, 100}, "out": {a.NetworkOut, 20},
		"read": {a.DiskRead, 1}, "write": {a.DiskWrite, 2}, "spark cpu": {a.Sparkline.CPU[20], 0.25}, "spark memory": {b.Sparkline.Memory[5], 0.5},
	} {
		require.NotNil(t, c.got, what)
		require.InDelta(t, c.want, *c.got, 0.001, what)
	}
	require.Len(t, a.Sparkline.Times, 31)
	require.Equal(t, `b"}`, b.Name)
	require.False(t, b.Up)
	require.InDelta(t, at(time.Hour).Unix(), b.LastSeen.Unix(), 360)
	require.Nil(t, b.CPU)
	require.Nil(t, b.Memory)

	seen, err := r.Seen(t.Context(), rng)
	require.NoError(t, err)
	require.Empty(t, seen.Warnings)
	require.Equal(t, []Host{{Name: "a", Up: true, LastSeen: a.LastSeen}, {Name: b.Name, LastSeen: b.LastSeen}}, seen.Hosts)

	d, err := r.Get(t.Context(), "a", rng)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"host_name": "a", "host_id": "id-a", "os_type": "linux", "host_arch": "amd64"}, d.Attributes)
	require.Len(t, d.Filesystems, 2)
	require.Equal(t, "/data xfs /dev/sdb1", d.Filesystems[1].Mountpoint+" "+d.Filesystems[1].Type+" "+d.Filesystems[1].Device)
	require.InDelta(t, 0.9, *d.Filesystems[1].InUse01, 0.001)
	require.Len(t, d.Processes, 1)
	require.Equal(t, "postgres 7", d.Processes[0].Name+" "+d.Processes[0].PID)
	require.InDelta(t, 0.5, *d.Processes[0].CPU, 0.001)
	_, err = r.Get(t.Context(), `b"}`, rng)
	require.NoError(t, err)
	for _, name := range []string{"", "nobody", "x\xff", `"} or vector(1) #`} {
		_, err = r.Get(t.Context(), name, rng)
		require.ErrorIs(t, err, storage.ErrNotFound, name)
	}
}

func TestCutProcessesAreSaid(t *testing.T) {
	var text strings.Builder
	text.WriteString("load 30s\n\tsystem_memory_usage_bytes{host_name=\"a\",state=\"used\"} 1x10\n")
	for i := range 203 {
		fmt.Fprintf(&text, "\tprocess_memory_usage_bytes{host_name=\"a\",process_executable_name=\"p\",process_pid=\"%d\"} %dx10\n", i, i)
	}
	store := promqltest.LoadedStorage(t, text.String())
	t.Cleanup(func() { _ = store.Close() })
	r := New(prom.New(promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), store))
	d, err := r.Get(t.Context(), "a", storage.TimeRange{Start: time.Unix(0, 0), End: time.Unix(300, 0)})
	require.NoError(t, err)
	require.Len(t, d.Processes, 200)
	require.Equal(t, "202", d.Processes[0].PID)
	require.Equal(t, []string{"the 200 busiest of 203 processes are listed"}, d.Warnings)
}

// partial warns at every Select, once with each text.
type partial struct{ promstorage.Queryable }

func (p partial) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := p.Queryable.Querier(mint, maxt)
	return partialQuerier{q}, err
}

type partialQuerier struct{ promstorage.Querier }

func (q partialQuerier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, m ...*labels.Matcher) promstorage.SeriesSet {
	return partialSet{q.Querier.Select(ctx, sorted, hints, m...)}
}

type partialSet struct{ promstorage.SeriesSet }

func (partialSet) Warnings() annotations.Annotations {
	return annotations.New().Add(errors.New("writer w2 did not answer"))
}

func TestWarningsReachTheAnswer(t *testing.T) {
	store := promqltest.LoadedStorage(t, load)
	t.Cleanup(func() { _ = store.Close() })
	r := New(prom.New(promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), partial{store}))
	rng := storage.TimeRange{Start: time.Unix(0, 0), End: time.Unix(0, 0).Add(2 * time.Hour)}
	list, err := r.List(t.Context(), rng)
	require.NoError(t, err)
	require.Len(t, list.Hosts, 2)
	require.Equal(t, []string{"writer w2 did not answer"}, list.Warnings)
	d, err := r.Get(t.Context(), "a", rng)
	require.NoError(t, err)
	require.Equal(t, []string{"writer w2 did not answer"}, d.Warnings)
}
