// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/strata-apm/strata/atomicfile"
)

// Host is the identity put on everything the agent sends about its machine.
type Host struct {
	Name        string
	ID          string
	OSType      string
	Description string
	Arch        string
}

// DetectHost reads the identity from the operating system. The id is the machine id, which any user may read and which survives
// reboots and renames. Where there is none (small containers), a random id is created once in stateDir.
func DetectHost(stateDir, rootPath string) (Host, error) {
	name, err := os.Hostname()
	if err != nil {
		return Host{}, fmt.Errorf("read host name: %w", err)
	}
	id, err := hostID(stateDir, rootPath)
	if err != nil {
		return Host{}, err
	}
	return Host{
		Name:        name,
		ID:          id,
		OSType:      runtime.GOOS,
		Description: osDescription(rootPath),
		Arch:        semconvArch(runtime.GOARCH),
	}, nil
}

func hostID(stateDir, rootPath string) (string, error) {
	for _, p := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(filepath.Join("/", rootPath, p)); err == nil { //nolint:gosec // The operator names the root.
			if id := strings.TrimSpace(string(b)); len(id) == 32 {
				return id, nil
			}
		}
	}
	path := filepath.Join(stateDir, "host-id")
	b, err := os.ReadFile(path) //nolint:gosec // In the operator's state directory.
	if err == nil && len(bytes.TrimSpace(b)) == 32 {
		return string(bytes.TrimSpace(b)), nil
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // Never returns an error.
	id := hex.EncodeToString(raw[:])
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return "", fmt.Errorf("create state directory: %w", err)
	}
	if err := atomicfile.Write(path, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write host id: %w", err)
	}
	return id, nil
}

// osDescription is the distribution's own name for itself, empty where it has none.
func osDescription(rootPath string) string {
	b, err := os.ReadFile(filepath.Join("/", rootPath, "/etc/os-release")) //nolint:gosec // The operator names the root.
	if err != nil {
		return ""
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// semconvArch maps Go's names to those of the host.arch convention where they differ.
func semconvArch(goarch string) string {
	switch goarch {
	case "386":
		return "x86"
	case "arm":
		return "arm32"
	default:
		return goarch
	}
}

// Attributes returns the identity as resource attributes with the configured ones over it, so that a user can rename a host.
//
// service.instance.id is the host's id and there is no service.name: Prometheus' translation writes target_info only for a resource
// with one of the two, and a service.name would make every host appear among the services.
func (h Host) Attributes(configured map[string]string) map[string]string {
	out := map[string]string{
		"host.name": h.Name,
		"host.id":   h.ID,
		"host.arch": h.Arch,
		"os.type":   h.OSType,
	}
	if h.Description != "" {
		out["os.description"] = h.Description
	}
	maps.Copy(out, configured)
	return out
}
