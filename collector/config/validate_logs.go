// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/collector/logs/charset"
	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/when"
)

func (c LogFiles) validate() error {
	var errs []error
	if len(c.Include) == 0 {
		errs = append(errs, errors.New("include: no file pattern"))
	}
	switch c.StartAt {
	case "", "end", "beginning":
	default:
		errs = append(errs, fmt.Errorf("start_at: %q is neither end nor beginning", c.StartAt))
	}
	if _, err := regexp.Compile(c.MultilineStart); err != nil {
		errs = append(errs, fmt.Errorf("multiline_start: %w", err))
	}
	if c.Multiline != "" && c.Multiline != "auto" && c.Multiline != "none" {
		errs = append(errs, fmt.Errorf("multiline: %q is neither auto nor none", c.Multiline))
	}
	if c.Format != "" && !slices.Contains(parse.Formats(), c.Format) {
		errs = append(errs, fmt.Errorf("format: %q is none of %v", c.Format, parse.Formats()))
	}
	if c.MaxRecordsPerSecond < 0 {
		errs = append(errs, errors.New("max_records_per_second: negative"))
	}
	if _, err := charset.Lookup(c.Encoding); err != nil {
		errs = append(errs, err)
	}
	if _, err := when.Zone(c.Timezone); err != nil {
		errs = append(errs, err)
	}
	for name, d := range map[string]*Duration{"rotate_wait": c.RotateWait, "flush_line": c.FlushLine} {
		if d != nil && (time.Duration(*d) < 0 || time.Duration(*d) > 24*time.Hour) {
			errs = append(errs, fmt.Errorf("%s: %s is not between 0s and 24h", name, d))
		}
	}
	return errors.Join(errs...)
}

func (c LogTimes) validate() error {
	if c.Past <= 0 || c.Future <= 0 {
		return errors.New("log_times: past and future must be positive")
	}
	return nil
}

func (c Syslog) validate() error {
	var errs []error
	kind, addr, ok := strings.Cut(c.Listen, "://")
	if !ok || !slices.Contains([]string{SyslogUDP, SyslogTCP, SyslogTLS}, kind) {
		errs = append(errs, fmt.Errorf("listen: %q is not udp://, tcp:// or tls:// host:port", c.Listen))
	} else if _, port, err := net.SplitHostPort(addr); err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("listen: %q is not a port", port))
	}
	if !slices.Contains([]string{"", "auto", "rfc3164", "rfc5424"}, c.Protocol) {
		errs = append(errs, fmt.Errorf("protocol: %q is neither rfc3164 nor rfc5424", c.Protocol))
	}
	if (kind == SyslogTLS) != (c.CertFile != "" && c.KeyFile != "") || (kind != SyslogTLS && c.ClientCAFile != "") {
		errs = append(errs, errors.New("cert_file and key_file are for tls, and tls needs both"))
	}
	if c.Location != "" && c.Timezone != "" {
		errs = append(errs, errors.New("timezone and location are the same; give one"))
	}
	if _, err := when.Zone(c.Location); err != nil {
		errs = append(errs, fmt.Errorf("location: %w", err))
	}
	if _, err := when.Zone(c.Timezone); err != nil {
		errs = append(errs, err)
	}
	if _, err := charset.Lookup(c.Encoding); err != nil {
		errs = append(errs, err)
	}
	if c.MaxRecordsPerSecond < 0 {
		errs = append(errs, errors.New("max_records_per_second: negative"))
	}
	return errors.Join(errs...)
}

func (c Journald) validate() error {
	if c.Priority != "" && !slices.Contains([]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}, c.Priority) {
		return fmt.Errorf("journald.priority: %q is none of emerg to debug", c.Priority)
	}
	if c.MaxRecordsPerSecond < 0 {
		return errors.New("journald.max_records_per_second: negative")
	}
	for _, unit := range c.Units { // They become arguments of journalctl.
		if unit == "" || strings.HasPrefix(unit, "-") || strings.ContainsAny(unit, " \t\n\x00") {
			return fmt.Errorf("journald.units: %q is no unit", unit)
		}
	}
	return nil
}
