// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// runNPM asks the machine's npm, which knows the user's registry, proxy and credentials.
func runNPM(ctx context.Context, args ...string) (string, error) {
	path, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("find where the engine package lies: npm is not installed; install it, or give the address with --url or %s (a URL or the package file)", URLEnv)
	}
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the arguments are constants of this program
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run npm %s: %w: %s", strings.Join(args, " "), err, lastLines(problem.String()))
	}
	answer := strings.TrimSpace(out.String())
	if answer == "" {
		return "", fmt.Errorf("run npm %s: it printed nothing", strings.Join(args, " "))
	}
	return answer, nil
}

func lastLines(s string) string {
	s = strings.TrimSpace(s)
	const enough = 400
	if len(s) > enough {
		s = "…" + s[len(s)-enough:]
	}
	return s
}

// localPath returns the file that address names, when it names one.
func localPath(address string) (string, bool) {
	if strings.HasPrefix(address, "file://") {
		u, err := url.Parse(address)
		if err != nil {
			return strings.TrimPrefix(address, "file://"), true
		}
		return u.Path, true
	}
	return address, !strings.Contains(address, "://")
}

// lockDir keeps a second fetch into the same folder waiting until the first is done.
func lockDir(ctx context.Context, dir string, progress io.Writer) (func(), error) {
	path := filepath.Join(dir, ".fetch.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // The operator names the directory.
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	told := false
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			_, _ = fmt.Fprintf(progress, "waiting for another fetch into %s\n", dir)
			told = true
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("wait for another fetch into %s: %w", dir, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
