// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/strata-apm/strata/collector/scrape"
)

const (
	// minQueueMiB keeps a single large request (64 MiB decoded at the most, far less in practice) from filling a signal's third.
	minQueueMiB = 24
	minInterval = time.Second
)

// Validate reports every mistake of the configuration at once.
func (c Config) Validate() error {
	errs := []error{c.Server.validate(), c.Host.validate(), c.OTLP.validate(), c.Middleware.validate(), validateScrape(c.Scrape), c.OpAMP.validate()}
	if c.Queue.SizeMiB < minQueueMiB {
		errs = append(errs, fmt.Errorf("queue.size_mib: %d is below %d", c.Queue.SizeMiB, minQueueMiB))
	}
	seen := make(map[string]int, len(c.Logs))
	for i, l := range c.Logs {
		if err := l.validate(); err != nil {
			errs = append(errs, fmt.Errorf("logs[%d]: %w", i, err))
			continue
		}
		if j, ok := seen[l.ID()]; ok {
			errs = append(errs, fmt.Errorf("logs[%d]: includes the same files as logs[%d]", i, j))
		}
		seen[l.ID()] = i
	}
	listens := make(map[string]bool, len(c.Syslog))
	for i, s := range c.Syslog {
		err := s.validate()
		if err == nil && listens[s.Listen] {
			err = errors.New("listen: is there already")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("syslog[%d]: %w", i, err))
		}
		listens[s.Listen] = true
	}
	errs = append(errs, c.Journald.validate(), c.LogTimes.validate())
	for k := range c.Attributes {
		if k == "" {
			errs = append(errs, errors.New("attributes: an empty name"))
		}
	}
	return errors.Join(errs...)
}

func (c Server) validate() error {
	var errs []error
	if _, err := c.Target(); err != nil {
		errs = append(errs, err)
	}
	if c.Protocol != ProtocolGRPC && c.Protocol != ProtocolHTTP {
		errs = append(errs, fmt.Errorf("server.protocol: %q is neither grpc nor http", c.Protocol))
	}
	switch c.Compression {
	case "zstd", "gzip", "none":
	default:
		errs = append(errs, fmt.Errorf("server.compression: %q is none of zstd, gzip, none", c.Compression))
	}
	if time.Duration(c.Timeout) < minInterval {
		errs = append(errs, fmt.Errorf("server.timeout: %s is below 1s", c.Timeout))
	}
	if c.Key != "" && c.KeyFile != "" {
		errs = append(errs, errors.New("server: key and key_file exclude each other"))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("server.tls: cert_file and key_file belong together"))
	}
	return errors.Join(errs...)
}

func (c Host) validate() error {
	var errs []error
	if time.Duration(c.Interval) < minInterval {
		errs = append(errs, fmt.Errorf("host.interval: %s is below 1s", c.Interval))
	}
	if time.Duration(c.ProcessInterval) < minInterval {
		errs = append(errs, fmt.Errorf("host.process_interval: %s is below 1s", c.ProcessInterval))
	}
	if c.ProcessTop < 0 || c.ProcessTop > 1000 {
		errs = append(errs, fmt.Errorf("host.process_top: %d is not between 0 and 1000", c.ProcessTop))
	}
	if c.Systemd.MaxUnits < 1 || c.Systemd.MaxUnits > 1000 {
		errs = append(errs, fmt.Errorf("host.systemd.max_units: %d is not between 1 and 1000", c.Systemd.MaxUnits))
	}
	if c.Systemd.Enabled && len(c.Systemd.Units) == 0 {
		errs = append(errs, errors.New("host.systemd.units: no pattern"))
	}
	if c.Containers.Max < 1 || c.Containers.Max > 1000 {
		errs = append(errs, fmt.Errorf("host.containers.max: %d is not between 1 and 1000", c.Containers.Max))
	}
	return errors.Join(errs...)
}

func (c OTLP) validate() error {
	var errs []error
	for name, addr := range map[string]string{"otlp.grpc": c.GRPC, "otlp.http": c.HTTP} {
		if addr == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(addr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not a port", name, port))
		}
	}
	return errors.Join(errs...)
}

func validateScrape(configs []any) error {
	text, err := scrape.Render(configs)
	if err == nil && len(configs) > 0 {
		_, err = scrape.Parse(text)
	}
	return err // Says what it is.
}
