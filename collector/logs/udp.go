// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// kernelDrops is how many datagrams the kernel threw away because the buffer of the socket on this address was full, since the socket was opened.
// It reads the last column of Linux's table of UDP sockets, and is 0 elsewhere.
func kernelDrops(address string) int64 {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	suffix := fmt.Sprintf(":%04X", n)
	total := int64(0)
	for _, table := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		text, err := os.ReadFile(table) //nolint:gosec // Two names.
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 13 || !strings.HasSuffix(fields[1], suffix) {
				continue
			}
			if drops, err := strconv.ParseInt(fields[len(fields)-1], 10, 64); err == nil {
				total += drops
			}
		}
	}
	return total
}
