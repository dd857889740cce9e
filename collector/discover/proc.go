// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// stateListen is TCP_LISTEN as /proc/net/tcp writes it.
const stateListen = "0A"

const defaultRoot = "/proc"

const (
	// lineSize is a line of /proc/net/tcp and little more. With a larger buffer the kernel would walk its whole table of connections to
	// fill it, which is nearly all the cost.
	lineSize = 160
	maxLine  = 1 << 10
)

type socket struct {
	addr  netip.AddrPort
	uid   string
	inode string
}

// listening reads the listening sockets of both families.
func (s *Scanner) listening() ([]socket, error) {
	var out []socket
	dir := filepath.Join(s.Root, "net")
	if s.Root != defaultRoot { // There "net" would be of our own namespace.
		dir = filepath.Join(s.Root, "1", "net")
	}
	for _, name := range []string{"tcp", "tcp6"} {
		path := filepath.Join(dir, name)
		f, err := os.Open(path) //nolint:gosec // The kernel's.
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue // A kernel without IPv6.
		}
		if err != nil {
			return nil, fmt.Errorf("read listening sockets: %w", err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(make([]byte, lineSize), maxLine)
		some, err := parseSockets(lines)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		out = append(out, some...)
	}
	return out, nil
}

// parseSockets reads up to the first socket that does not listen: the kernel lists all that do before the connections, of which there
// can be very many.
func parseSockets(lines *bufio.Scanner) ([]socket, error) {
	var out []socket
	lines.Scan() // The heading.
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != stateListen {
			break
		}
		addr, err := parseAddr(f[1])
		if err != nil {
			return nil, err
		}
		out = append(out, socket{addr: addr, uid: f[7], inode: f[9]})
	}
	return out, lines.Err() // The caller names the file.
}

// parseAddr reads 0100007F:1F90: words of the address in the machine's byte order, then the port.
func parseAddr(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || (len(raw) != 4 && len(raw) != 16) {
		return netip.AddrPort{}, fmt.Errorf("address %q", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(n)), nil
}

// candidate is a process that may be middleware.
type candidate struct {
	kind    string
	pid     int
	parent  int
	uid     string
	cmdline []string
}

// candidates looks at the names of all processes and at the command lines of those of interest.
func (s *Scanner) candidates() ([]candidate, error) {
	dirs, err := os.ReadDir(s.Root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var out []candidate
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		if c, ok := s.candidate(pid); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b candidate) int { return a.pid - b.pid })
	return out, nil
}

func (s *Scanner) candidate(pid int) (candidate, bool) {
	dir := filepath.Join(s.Root, strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(dir, "comm")) //nolint:gosec // The kernel's.
	if err != nil || !interesting(string(bytes.TrimSpace(comm))) {
		return candidate{}, false
	}
	raw, err := os.ReadFile(filepath.Join(dir, "cmdline")) //nolint:gosec // The kernel's.
	if err != nil || len(raw) == 0 {
		return candidate{}, false
	}
	cmdline := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
	kind := recognise(string(bytes.TrimSpace(comm)), cmdline)
	if kind == "" {
		return candidate{}, false
	}
	c := candidate{kind: kind, pid: pid, cmdline: cmdline}
	status, err := os.ReadFile(filepath.Join(dir, "status")) //nolint:gosec // The kernel's.
	if err != nil {
		return candidate{}, false
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && f[0] == "PPid:":
			c.parent, _ = strconv.Atoi(f[1])
		case len(f) > 1 && f[0] == "Uid:":
			c.uid = f[1]
		}
	}
	return c, true
}

// socketInodes returns the inodes of a process' sockets. The error says that its descriptors are hidden.
func (s *Scanner) socketInodes(pid int) ([]string, error) {
	dir := filepath.Join(s.Root, strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	var out []string
	for _, fd := range fds {
		link, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("read descriptors: %w", err)
		}
		if inode, ok := strings.CutPrefix(link, "socket:["); ok && err == nil {
			out = append(out, strings.TrimSuffix(inode, "]"))
		}
	}
	return out, nil
}

// startTime is field 22 of /proc/PID/stat, clock ticks since the boot. A process that has ended and is not waited for yet is no more.
func (s *Scanner) startTime(pid int) (string, error) {
	raw, err := os.ReadFile(filepath.Join(s.Root, strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", fmt.Errorf("read process %d: %w", pid, err)
	}
	// The name, in parentheses, may have spaces.
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return "", fmt.Errorf("read process %d: it has ended", pid)
	}
	return f[19], nil
}
