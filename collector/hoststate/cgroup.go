// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// maxDepth and maxGroups bound the walk over control groups: Kubernetes nests four deep, containers of a user seven.
	maxDepth  = 8
	maxGroups = 20_000
	// idBytes is the length of a container's id, in hexadecimal digits.
	idBytes = 64

	runtimeContainerd = "containerd"
	runtimeDocker     = "docker"
	runtimeLXC        = "lxc"
)

// container is one that its control group's path names.
type container struct {
	dir               string
	id, runtime, name string
}

// cgroupMount is where the host's cgroup v2 hierarchy is mounted, empty where there is none.
func cgroupMount(root string) string {
	for _, dir := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
		dir = filepath.Join(root, dir)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil {
			return dir
		}
	}
	return ""
}

// groups walks the hierarchy and returns the containers and the names of the slices at its top.
func groups(mount string) (containers []container, slices []string) {
	seen := 0
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return // Gone meanwhile.
		}
		for _, e := range entries {
			if !e.IsDir() || seen >= maxGroups {
				continue
			}
			seen++
			name, path := e.Name(), filepath.Join(dir, e.Name())
			if depth == 0 && strings.HasSuffix(name, ".slice") {
				slices = append(slices, name)
			}
			if c, ok := recognise(filepath.Base(dir), name); ok {
				c.dir = path
				containers = append(containers, c)
				continue
			}
			// Below a service are its own processes, but for a user's service manager, whose containers are there.
			if depth < maxDepth && (!strings.HasSuffix(name, ".service") || strings.HasPrefix(name, "user@")) {
				walk(path, depth+1)
			}
		}
	}
	walk(mount, 0)
	return containers, slices
}

// recognise says which container a control group is, by its name and its parent's: what Docker, containerd, CRI-O and Podman make with systemd
// and without, LXC, and the machines of systemd.
func recognise(parent, name string) (container, bool) {
	bare := strings.TrimSuffix(name, ".scope")
	if i := strings.LastIndexByte(bare, ':'); i >= 0 { // slice:cri-containerd:id, systemd's form given to the other driver.
		bare = strings.TrimPrefix(bare[i+1:], "cri-containerd-")
	}
	for prefix, runtime := range map[string]string{"docker-": runtimeDocker, "cri-containerd-": runtimeContainerd, "crio-": "cri-o", "libpod-": "podman"} {
		if id, ok := strings.CutPrefix(bare, prefix); ok && isID(id) {
			return container{id: id, runtime: runtime}, true
		}
	}
	switch {
	case isID(bare) && parent == runtimeDocker:
		return container{id: bare, runtime: runtimeDocker}, true
	case isID(bare): // Below kubepods, or below a namespace of containerd's.
		return container{id: bare, runtime: runtimeContainerd}, true
	case strings.HasPrefix(name, "lxc.payload."):
		return named(strings.TrimPrefix(name, "lxc.payload."), runtimeLXC), true
	case parent == runtimeLXC:
		return named(name, runtimeLXC), true
	case parent == "machine.slice" && strings.HasPrefix(name, "systemd-nspawn@"):
		return named(unescapeUnit(strings.TrimSuffix(strings.TrimPrefix(name, "systemd-nspawn@"), ".service")), "systemd-nspawn"), true
	case parent == "machine.slice" && strings.HasPrefix(name, "machine-") && strings.HasSuffix(name, ".scope"):
		return named(unescapeUnit(strings.TrimPrefix(bare, "machine-")), "systemd-machined"), true
	}
	return container{}, false
}

// named is a container whose id is its name.
func named(name, runtime string) container { return container{id: name, name: name, runtime: runtime} }

func isID(s string) bool {
	if len(s) != idBytes {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// unescapeUnit undoes systemd's \x2d.
func unescapeUnit(s string) string {
	for i := 0; i+4 <= len(s); i++ {
		if s[i] != '\\' || s[i+1] != 'x' {
			continue
		}
		if b, err := hex.DecodeString(s[i+2 : i+4]); err == nil {
			s = s[:i] + string(b) + s[i+4:]
		}
	}
	return s
}

// keyed reads a file of "name value" lines, such as cpu.stat; nil where the controller is off.
func keyed(dir, file string) map[string]int64 {
	text, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // Below the cgroup mount.
	if err != nil {
		return nil
	}
	out := make(map[string]int64)
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil {
			out[name] = n
		}
	}
	return out
}

// single reads a file of one number; false where the controller is off or the number is "max".
func single(dir, file string) (int64, bool) {
	text, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // Below the cgroup mount.
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// diskBytes adds up io.stat over the devices: "8:0 rbytes=1 wbytes=2 rios=3 …".
func diskBytes(dir string) (read, written int64, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, "io.stat")) //nolint:gosec // Below the cgroup mount.
	if err != nil {
		return 0, 0, false
	}
	for field := range strings.FieldsSeq(string(text)) {
		name, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case name == "rbytes":
			read += n
		case name == "wbytes":
			written += n
		}
	}
	return read, written, true
}
