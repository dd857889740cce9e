// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const someID = "3f1c0b7a9d2e4f5061728394a5b6c7d8e9f00112233445566778899aabbccdde"

func TestRecognise(t *testing.T) {
	for _, c := range []struct{ parent, name, runtime, id, label string }{
		{"system.slice", "docker-" + someID + ".scope", "docker", someID, ""},
		{"docker", someID, "docker", someID, ""},
		{"kubepods-burstable-pod1.slice", "cri-containerd-" + someID + ".scope", "containerd", someID, ""},
		{"pod1-2-3", someID, "containerd", someID, ""},
		{"system.slice", "kubepods-pod1.slice:cri-containerd:" + someID, "containerd", someID, ""},
		{"kubepods-pod1.slice", "crio-" + someID + ".scope", "cri-o", someID, ""},
		{"user.slice", "libpod-" + someID + ".scope", "podman", someID, ""},
		{"cgroup", "lxc.payload.web", "lxc", "web", "web"},
		{"lxc", "web", "lxc", "web", "web"},
		{"machine.slice", `machine-web\x2d1.scope`, "systemd-machined", "web-1", "web-1"},
		{"machine.slice", `systemd-nspawn@web\x2d1.service`, "systemd-nspawn", "web-1", "web-1"},
		{"system.slice", "nginx.service", "", "", ""},
		{"kubepods-pod1.slice", "crio-conmon-" + someID + ".scope", "", "", ""},
		{"user.slice", "libpod-conmon-" + someID + ".scope", "", "", ""},
		{"system.slice", "docker-web.scope", "", "", ""},
		{"system.slice", "docker.service", "", "", ""},
		{"cgroup", "lxc.monitor.web", "", "", ""},
	} {
		got, ok := recognise(c.parent, c.name)
		require.Equal(t, c.runtime != "", ok, c.name)
		require.Equal(t, container{id: c.id, runtime: c.runtime, name: c.label}, got, c.name)
	}
}

// tree writes files below a directory that stands for a cgroup v2 mount.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["cgroup.controllers"] = "cpu io memory pids\n"
	for name, text := range files {
		path := filepath.Join(root, "sys/fs/cgroup", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

// TestContainersFiles reads every controller's files in the format of the kernel's Documentation/admin-guide/cgroup-v2.rst. They were not
// recorded from a container.
func TestContainersFiles(t *testing.T) {
	dir := "system.slice/docker-" + someID + ".scope/"
	root := tree(t, map[string]string{
		dir + "cpu.stat":       "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 70\nnr_throttled 7\nthrottled_usec 1500000\n",
		dir + "memory.current": "104857600\n", dir + "memory.max": "209715200\n",
		dir + "memory.stat":   "anon 41943040\nfile 62914560\ninactive_file 52428800\n",
		dir + "memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n",
		dir + "io.stat":       "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 rbytes=800 wbytes=4 rios=1 wios=1 dbytes=0 dios=0\n",
		dir + "pids.current":  "17\n",
		"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + someID + ".scope/memory.current": "4096\n",
		"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + someID + ".scope/memory.max":     "max\n",
		"system.slice/nginx.service/docker-" + someID + ".scope/memory.current":                              "1\n",
		"system.slice/cpu.stat":       "usage_usec 9000000\nuser_usec 6000000\nsystem_usec 3000000\n",
		"system.slice/memory.current": "12345\n", "system.slice/pids.current": "50\n",
	})
	md, err := newContainers(ContainersConfig{Max: 10}, root).scrape(t.Context(), time.Now())
	require.NoError(t, err)
	got := values(t, md)
	docker, podman := " docker", " podman"
	for key, want := range map[string]float64{
		"container.cpu.time user" + docker: 3, "container.cpu.time system" + docker: 2, "container.cpu.throttled.time" + docker: 1.5,
		"container.cpu.throttled.periods" + docker: 7, "container.memory.usage" + docker: 104857600, "container.memory.limit" + docker: 209715200,
		"container.memory.working_set" + docker: 52428800, "container.memory.oom_kills" + docker: 2, "container.pids.count" + docker: 17,
		"container.disk.io read" + docker: 1460000, "container.disk.io write" + docker: 314773508, "container.memory.usage" + podman: 4096,
		"strata.agent.containers.dropped": 0, "cgroup.cpu.time user system.slice": 6, "cgroup.memory.usage system.slice": 12345,
		"cgroup.pids.count system.slice": 50,
	} {
		v, ok := got[key]
		require.True(t, ok, "%s is missing in %v", key, got)
		require.InDelta(t, want, v, 1e-9, key)
	}
	require.NotContains(t, got, "container.memory.limit"+podman, "max is no limit")
	require.NotContains(t, got, "container.cpu.time user"+podman, "a controller that is off")
}

// TestContainersCap keeps the busiest by CPU and by memory in turns and counts the others.
func TestContainersCap(t *testing.T) {
	files := map[string]string{}
	write := func(i, usec int) string {
		dir := fmt.Sprintf("docker/%064x/", i)
		files[dir+"cpu.stat"] = fmt.Sprintf("usage_usec %d\nuser_usec %d\nsystem_usec 0\n", usec, usec)
		files[dir+"memory.current"] = fmt.Sprintf("%d\n", 1000+i)
		return dir
	}
	for i := range 150 {
		write(i, 1_000_000-i)
	}
	root := tree(t, files)
	c := newContainers(ContainersConfig{Max: 100}, root)
	_, err := c.scrape(t.Context(), time.Now())
	require.NoError(t, err)
	path := filepath.Join(root, "sys/fs/cgroup", write(75, 0), "cpu.stat")
	require.NoError(t, os.WriteFile(path, []byte("usage_usec 2000000\nuser_usec 2000000\nsystem_usec 0\n"), 0o600))
	kept, dropped := c.choose(mustGroups(t, root))
	require.Len(t, kept, 100)
	require.Equal(t, 50, dropped)
	require.Equal(t, fmt.Sprintf("%064x", 75), kept[0].id, "the one that worked since the last scrape")
	require.Equal(t, fmt.Sprintf("%064x", 149), kept[1].id, "the one with the most memory")
	md, err := newContainers(ContainersConfig{Max: 100}, t.TempDir()).scrape(t.Context(), time.Now())
	require.NoError(t, err)
	require.Zero(t, md.DataPointCount(), "no cgroup v2")
}

func mustGroups(t *testing.T, root string) []container {
	t.Helper()
	found, _ := groups(cgroupMount(root))
	return found
}

// TestContainersHere makes a real control group that looks like a container's and burns CPU in it.
func TestContainersHere(t *testing.T) {
	mount := cgroupMount("/")
	require.NotEmpty(t, mount, "the test needs cgroup v2")
	require.Zero(t, os.Geteuid(), "making a control group needs root")
	id := fmt.Sprintf("%064x", time.Now().UnixNano())
	dir := filepath.Join(mount, "docker-"+id+".scope")
	require.NoError(t, os.Mkdir(dir, 0o750))
	burn(t, dir)
	c := newContainers(ContainersConfig{Max: 100}, "/")
	var first, second float64
	read := func() float64 {
		md, err := c.scrape(t.Context(), time.Now())
		require.NoError(t, err)
		return cpuOf(md, id)
	}
	require.Eventually(t, func() bool { first = read(); return first > 0 }, 10*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool { second = read(); return second > first }, 10*time.Second, 20*time.Millisecond)
	found, _ := groups(mount)
	require.True(t, func() bool {
		for _, f := range found {
			if strings.HasSuffix(f.dir, id+".scope") {
				return f.runtime == "docker" && f.id == id
			}
		}
		return false
	}())
}
