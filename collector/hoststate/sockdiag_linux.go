// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// From linux/sock_diag.h and linux/inet_diag.h.
	sockDiagByFamily = 20
	diagRequestBytes = 56
	diagBufferBytes  = 64 << 10
	diagTimeout      = 2 * time.Second
	// maxTCPState is the last of include/net/tcp_states.h that a dump reports.
	maxTCPState = 11
)

// tcpStateNames are the semantic conventions' names of include/net/tcp_states.h, by number. Established and time_wait are left out: they
// are most sockets of a busy host, and the kernel keeps their count.
func tcpStateNames() map[uint8]string {
	return map[uint8]string{
		2: "syn_sent", 3: "syn_received", 4: "fin_wait_1", 5: "fin_wait_2", 8: "close_wait", 9: "last_ack", 10: "listen", 11: "closing",
	}
}

// tcpStates counts the sockets of this network namespace in every state but established and time_wait, by the kernel's own dump of
// sockets. It opens nothing of any process and needs no privilege.
func tcpStates() (map[string]int64, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	timeout := unix.NsecToTimeval(diagTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, fmt.Errorf("bound sock_diag: %w", err)
	}
	names := tcpStateNames()
	var mask uint32
	for state := range names {
		mask |= 1 << state
	}
	var counts [maxTCPState + 1]int64
	buf := make([]byte, diagBufferBytes)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if err := dump(fd, family, mask, buf, &counts); err != nil {
			return nil, err
		}
	}
	out := make(map[string]int64, len(names))
	for state, name := range names {
		out[name] = counts[state]
	}
	return out, nil
}

// dump asks for the TCP sockets of a family in the states of mask and adds them to counts.
func dump(fd int, family uint8, mask uint32, buf []byte, counts *[maxTCPState + 1]int64) error {
	var req [unix.SizeofNlMsghdr + diagRequestBytes]byte
	order := binary.NativeEndian
	order.PutUint32(req[0:], uint32(len(req)))
	order.PutUint16(req[4:], sockDiagByFamily)
	order.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req[unix.SizeofNlMsghdr] = family
	req[unix.SizeofNlMsghdr+1] = unix.IPPROTO_TCP
	order.PutUint32(req[unix.SizeofNlMsghdr+4:], mask)
	if err := unix.Sendto(fd, req[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", err)
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read sock_diag: %w", err)
		}
		done, err := count(buf[:n], counts)
		if done || err != nil {
			return err
		}
	}
}

// count adds the sockets of one read and says whether the dump has ended.
func count(b []byte, counts *[maxTCPState + 1]int64) (bool, error) {
	order := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		size, typ := int(order.Uint32(b)), order.Uint16(b[4:])
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, fmt.Errorf("read sock_diag: a message of %d bytes in %d", size, len(b))
		}
		body := b[unix.SizeofNlMsghdr:size]
		switch {
		case typ == unix.NLMSG_DONE:
			return true, nil
		case typ == unix.NLMSG_ERROR && len(body) >= 4:
			return true, fmt.Errorf("read sock_diag: %w", unix.Errno(-int32(order.Uint32(body)))) //nolint:gosec // An error number with its sign turned.
		case typ == sockDiagByFamily && len(body) >= 2 && body[1] <= maxTCPState:
			counts[body[1]]++
		}
		b = b[min(len(b), (size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return false, nil
}
