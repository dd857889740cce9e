// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/logs/charset"
)

const (
	protocolGRPC = "grpc"
	protocolHTTP = "http"

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
		if j, ok := seen[l.id()]; ok {
			errs = append(errs, fmt.Errorf("logs[%d]: includes the same files as logs[%d]", i, j))
		}
		seen[l.id()] = i
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

func (c ServerConfig) validate() error {
	var errs []error
	if _, err := c.target(); err != nil {
		errs = append(errs, err)
	}
	if c.Protocol != protocolGRPC && c.Protocol != protocolHTTP {
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

func (c HostConfig) validate() error {
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

func (c LogConfig) validate() error {
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
	if c.Format != "" && !slices.Contains(logs.Formats(), c.Format) {
		errs = append(errs, fmt.Errorf("format: %q is none of %v", c.Format, logs.Formats()))
	}
	if c.MaxRecordsPerSecond < 0 {
		errs = append(errs, errors.New("max_records_per_second: negative"))
	}
	if _, err := charset.Lookup(c.Encoding); err != nil {
		errs = append(errs, err)
	}
	if _, err := logs.Zone(c.Timezone); err != nil {
		errs = append(errs, err)
	}
	for name, d := range map[string]*Duration{"rotate_wait": c.RotateWait, "flush_line": c.FlushLine} {
		if d != nil && (time.Duration(*d) < 0 || time.Duration(*d) > 24*time.Hour) {
			errs = append(errs, fmt.Errorf("%s: %s is not between 0s and 24h", name, d))
		}
	}
	return errors.Join(errs...)
}

func (c OTLPConfig) validate() error {
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

// target is an endpoint taken apart.
type target struct {
	address string // host:port
	path    string // a path prefix of an HTTP endpoint
	plain   bool   // no TLS
}

// target decides about TLS: a URL says so itself; a bare address is plain on loopback, and elsewhere only when allowed, because the
// key would travel readable.
func (c ServerConfig) target() (target, error) {
	raw := c.Endpoint
	if !strings.Contains(raw, "://") {
		host, port, err := net.SplitHostPort(raw)
		if err != nil {
			return target{}, fmt.Errorf("server.endpoint: %w", err)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" {
			return target{}, fmt.Errorf("server.endpoint: %q is not host:port", raw)
		}
		return target{address: raw, plain: isLoopback(host) || c.TLS.Insecure}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("server.endpoint: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return target{}, fmt.Errorf("server.endpoint: scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return target{}, fmt.Errorf("server.endpoint: %q is not scheme://host:port", u.Redacted())
	case c.Protocol == protocolGRPC && strings.Trim(u.Path, "/") != "":
		return target{}, errors.New("server.endpoint: a path needs protocol http")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return target{
		address: net.JoinHostPort(u.Hostname(), port),
		path:    strings.TrimRight(u.Path, "/"),
		plain:   u.Scheme == "http",
	}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
