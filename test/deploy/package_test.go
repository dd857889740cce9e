// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// packageScript installs the package $2 over an overlay of this host's files below the empty directory $1, so that nothing of it stays, and
// without a systemd. It prints what is there after the installation, after a change of the configuration and an upgrade, and after the purge.
const packageScript = `set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount -t tmpfs tmpfs "$1/root/run"
cp "$2" "$1/root/run/agent.deb"
chroot "$1/root" sh -eu -c '
	before=$(sort /etc/passwd /etc/group)
	dpkg -i /run/agent.deb >/run/log 2>&1 || { cat /run/log; exit 1; }
	stat -c "%a %U:%G %n" /usr/bin/strata-agent /usr/lib/systemd/system/strata-agent.service /etc/strata-agent/*
	echo "user $(id -un strata-agent) $(getent passwd strata-agent | cut -d: -f6,7)"
	/usr/bin/strata-agent check --config /etc/strata-agent/agent.yaml >/dev/null && echo "configuration is good"
	echo "# mine" >>/etc/strata-agent/agent.yaml
	echo strata_key >/etc/strata-agent/key
	dpkg -i /run/agent.deb >/run/log 2>&1 || { cat /run/log; exit 1; }
	tail -n 1 /etc/strata-agent/agent.yaml
	cat /etc/strata-agent/key
	dpkg -r strata-agent >/run/log 2>&1 || { cat /run/log; exit 1; }
	test ! -e /usr/bin/strata-agent && test -e /etc/strata-agent/key && echo "removed, key kept"
	dpkg -P strata-agent >/run/log 2>&1 || { cat /run/log; exit 1; }
	test "$before" = "$(sort /etc/passwd /etc/group)" && echo "accounts as before"
'
cd "$1/upper"
find . ! -type c -path '*strata*' ! -path './run/*' | sed 's/^/left: /'
`

// TestPackage builds the .deb as the Makefile does and lets dpkg install, upgrade, remove and purge it.
func TestPackage(t *testing.T) {
	t.Parallel()
	require.Zero(t, os.Geteuid(), "an overlay and dpkg need root")
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	nfpm := regexp.MustCompile(`(?m)^NFPM\s*:= (\S+)$`).FindSubmatch(makefile)
	require.Len(t, nfpm, 2)
	deb := filepath.Join(t.TempDir(), "strata-agent.deb")
	cmd := exec.CommandContext(t.Context(), "go", "run", string(nfpm[1]), "package", "--config", "deploy/packages/nfpm.yaml", "--packager", "deb", "--target", deb)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "NFPM_ARCH="+runtime.GOARCH, "NFPM_VERSION=1.2.3", "NFPM_BINARY="+program(t, "strata-agent"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))

	out, err = exec.CommandContext(t.Context(), "dpkg-deb", "--field", deb, "Package", "Version", "Depends").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "Package: strata-agent\nVersion: 1.2.3\nDepends: passwd\n", string(out))

	out, err = exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", packageScript, "install", t.TempDir(), deb).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, strings.TrimPrefix(`
755 root:root /usr/bin/strata-agent
644 root:root /usr/lib/systemd/system/strata-agent.service
644 root:root /etc/strata-agent/agent.yaml
600 root:root /etc/strata-agent/credentials.yaml
600 strata-agent:strata-agent /etc/strata-agent/key
user strata-agent /var/lib/strata-agent:/usr/sbin/nologin
configuration is good
# mine
strata_key
removed, key kept
accounts as before
`, "\n"), string(out))
}
