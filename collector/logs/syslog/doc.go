// SPDX-License-Identifier: Apache-2.0

// Package syslog receives syslog over UDP, TCP and TLS. Each message is recognised by itself: RFC 5424, RFC 3164, what devices write instead of
// it, or nothing but a priority, which is always read. Over a stream, so is each frame: counted octets (RFC 6587 §3.4.1, which RFC 5425 demands over
// TLS) or a line's end.
package syslog
