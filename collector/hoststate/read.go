// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxMounts bounds the file systems that are told.
const maxMounts = 64

// counters reads a file of /proc/net whose lines come in pairs, names and values, each after the protocol: "Tcp: RtoAlgorithm …".
func counters(path, protocol string) map[string]int64 {
	text, err := os.ReadFile(path) //nolint:gosec // Below the root that the operator names.
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, protocol+": ")
		if !ok {
			continue
		}
		if names == nil {
			names = strings.Fields(rest)
			continue
		}
		out := make(map[string]int64, len(names))
		for i, v := range strings.Fields(rest) {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && i < len(names) {
				out[names[i]] = n
			}
		}
		return out
	}
	return nil
}

// sockstat reads a line of /proc/net/sockstat: "TCP: inuse 5 orphan 0 tw 3 alloc 8 mem 1".
func sockstat(path, protocol string) map[string]int64 {
	text, err := os.ReadFile(path) //nolint:gosec // Below the root that the operator names.
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, protocol+": ")
		if !ok {
			continue
		}
		out, fields := map[string]int64{}, strings.Fields(rest)
		for i := 0; i+1 < len(fields); i += 2 {
			if n, err := strconv.ParseInt(fields[i+1], 10, 64); err == nil {
				out[fields[i]] = n
			}
		}
		return out
	}
	return nil
}

// mount is one file system on a disk.
type mount struct {
	device, point, typ string
	// mountedReadOnly is how it is mounted, readOnly what the file system itself has become: a journal that fails turns it, the mount stays as it was.
	mountedReadOnly, readOnly bool
	errors                    int64 // -1: not counted
}

func diskTypes() []string { return []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs"} }

// mounts reads /proc/1/mountinfo, or our own where that is not allowed: the first mount of each device.
func mounts(root string) []mount {
	text, err := os.ReadFile(filepath.Join(root, "/proc/1/mountinfo")) //nolint:gosec // Below the root that the operator names.
	if err != nil {
		if text, err = os.ReadFile(filepath.Join(root, "/proc/self/mountinfo")); err != nil { //nolint:gosec // As above.
			return nil
		}
	}
	seen := map[string]bool{}
	var out []mount
	for line := range strings.Lines(string(text)) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 3 || !slices.Contains(diskTypes(), r[0]) || seen[l[2]] || len(out) == maxMounts {
			continue
		}
		seen[l[2]] = true
		out = append(out, mount{
			device: r[1], point: unescape(l[4]), typ: r[0], errors: fsErrors(root, r[0], r[1]),
			mountedReadOnly: slices.Contains(strings.Split(l[5], ","), "ro"), readOnly: slices.Contains(strings.Split(r[2], ","), "ro"),
		})
	}
	return out
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// fsErrors is what ext4 has counted since the file system was checked, -1 where nothing is counted.
func fsErrors(root, typ, device string) int64 {
	if typ != "ext4" {
		return -1
	}
	name := filepath.Base(device)
	if target, err := os.Readlink(filepath.Join(root, device)); err == nil { // /dev/mapper/x is a link to ../dm-0.
		name = filepath.Base(target)
	}
	b, err := os.ReadFile(filepath.Join(root, "/sys/fs/ext4", name, "errors_count")) //nolint:gosec // Below the root that the operator names.
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}
