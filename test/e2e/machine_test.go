// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// groupScript puts the other host into a control group of its own and starts the next script in namespaces of its own.
const groupScript = `set -eu
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1"
mkdir "$1/strata-test-$2"
echo $$ >"$1/strata-test-$2/cgroup.procs"
umount "$1"
exec unshare --uts --pid --ipc --cgroup --fork sh -c "$3" boot "$1" "$2"
`

// ungroupScript removes the control group after the last process.
const ungroupScript = `mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1"
until find "$1/strata-test-$2" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done`

// bootScript makes the other host: this one's files under an overlay in memory, its own processes, name and /run, and a real systemd as
// process 1. It shares the network, so the server stays on loopback. $1 is an empty directory, $2 the host's name.
const bootScript = `set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
hostname "$2"
echo "$2" >etc/hostname
mkdir -p etc/systemd/system/multi-user.target.wants
: >etc/fstab
# Nothing of this host's own boot happens there: no sysctl, no udev, no timers.
for d in lib/systemd/system/*.target.wants etc/systemd/system/sysinit.target.wants etc/systemd/system/sockets.target.wants etc/systemd/system/timers.target.wants; do
	[ ! -d "$d" ] || mount -t tmpfs tmpfs "$d"
done
# What is only touched by an installation, not changed, is in the upper layer from the start.
for f in etc/passwd etc/group etc/shadow etc/gshadow etc/subuid etc/subgid usr/local/bin usr/local/lib etc/systemd/system etc/systemd/system/multi-user.target.wants var/lib; do
	[ ! -e "$f" ] || touch "$f"
done
printf '[Unit]\nWants=basic.target systemd-journald.service\n' >etc/systemd/system/test.target
exec env -i container=strata-test PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	chroot . /lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=0
`

// machine is another host.
type machine struct {
	pid    int    // of its systemd
	parent int    // of the process whose file systems it was made from
	dir    string // where there the parts of its root are
}

func newMachine(t *testing.T, name string) *machine {
	t.Helper()
	require.Zero(t, os.Geteuid(), "making a host of its own needs root")
	m := &machine{dir: t.TempDir()}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", groupScript, "group", m.dir, name, bootScript)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if m.pid != 0 {
			_ = syscall.Kill(m.pid, syscall.SIGKILL) // With process 1 the kernel ends all others.
		} else {
			_ = cmd.Process.Kill()
		}
		<-ended //nolint:errcheck // It was killed.
		out, err := exec.Command("timeout", "10", "unshare", "--mount", "sh", "-c", ungroupScript, "ungroup", m.dir, name).CombinedOutput()
		require.NoError(t, err, string(out))
	})
	m.parent = cmd.Process.Pid
	eventually(t, 30*time.Second, "the other host runs", func() error {
		select {
		case err := <-ended:
			ended <- err
			return fatal(fmt.Errorf("it ended: %w: %s", err, out.String()))
		default:
		}
		children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", cmd.Process.Pid))
		if err != nil || len(children) == 0 {
			return errors.Join(err, errors.New("no child"))
		}
		b, err := os.ReadFile(children[0])
		if err != nil {
			return err
		}
		if m.pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
			return err
		}
		text, err := m.run("systemctl is-system-running --wait")
		if err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		return nil
	})
	return m
}

// run runs a shell script there and returns what it printed.
func (m *machine) run(script string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", strconv.Itoa(m.pid), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "sh", "-c", script)
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func (m *machine) must(t *testing.T, script string, env ...string) string {
	t.Helper()
	out, err := m.run(script, env...)
	require.NoError(t, err, out)
	return out
}

// files lists what differs from the file system below, with the content of the accounts.
func (m *machine) files(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "nsenter", "-t", strconv.Itoa(m.parent), "-m", "sh", "-c",
		`cd "$1" && find . ! -path './var/log/*' ! -path './var/lib/systemd/*' ! -path './etc/*-' ! -path './etc/.pwd.lock' | sort && cat ./etc/passwd ./etc/group
		cd ../root && ls -A run tmp | grep -i strata || true`, "files", filepath.Join(m.dir, "upper"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.Split(string(out), "\n")
}
