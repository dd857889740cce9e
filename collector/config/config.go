// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"
	"time"

	"github.com/strata-apm/strata/collector/logs/parse"
	"github.com/strata-apm/strata/collector/logs/when"
)

// The protocols of a server.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http"
)

// The schemes of an address on which syslog is received.
const (
	SyslogUDP = "udp"
	SyslogTCP = "tcp"
	SyslogTLS = "tls"
)

// Config is the agent's own configuration file. The zero value of a field that is missing in the file is its default.
type Config struct {
	Server     Server     `yaml:"server"`
	Host       Host       `yaml:"host"`
	Logs       []LogFiles `yaml:"logs"`
	Syslog     []Syslog   `yaml:"syslog"`
	Journald   Journald   `yaml:"journald"`
	LogTimes   LogTimes   `yaml:"log_times"`
	OTLP       OTLP       `yaml:"otlp"`
	Middleware Middleware `yaml:"middleware"`
	// Scrape are Prometheus scrape_configs.
	Scrape     []any             `yaml:"scrape,omitempty"`
	Queue      Queue             `yaml:"queue"`
	OpAMP      OpAMP             `yaml:"opamp"`
	Attributes map[string]string `yaml:"attributes"`
	// Raw is merged over the generated collector configuration, for what the keys above cannot say.
	Raw map[string]any `yaml:"raw,omitempty"`
}

// Server says where the data go.
type Server struct {
	// Endpoint is host:port, or a URL whose scheme (http or https) decides about TLS.
	Endpoint string `yaml:"endpoint"`
	// Protocol is ProtocolGRPC or ProtocolHTTP (protobuf over HTTP).
	Protocol string `yaml:"protocol"`
	// Key is sent as a bearer token. KeyFile is read instead, at start and at each reload; at most one of the two is given.
	Key         string `yaml:"key,omitempty"`
	KeyFile     string `yaml:"key_file,omitempty"`
	TLS         TLS    `yaml:"tls"`
	Compression string `yaml:"compression"`
	// Timeout bounds one attempt to send one batch.
	Timeout Duration `yaml:"timeout"`
}

// TLS is about the connection to the server.
type TLS struct {
	// Insecure allows a plain connection to an address that is not loopback.
	Insecure           bool   `yaml:"insecure,omitempty"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty"`
	CAFile             string `yaml:"ca_file,omitempty"`
	CertFile           string `yaml:"cert_file,omitempty"`
	KeyFile            string `yaml:"key_file,omitempty"`
	ServerName         string `yaml:"server_name,omitempty"`
}

// Host is about the host's own metrics.
type Host struct {
	Enabled  bool     `yaml:"enabled"`
	Interval Duration `yaml:"interval"`
	// ProcessTop is how many processes are reported: the busiest by CPU and by memory. 0 turns them off.
	ProcessTop      int      `yaml:"process_top"`
	ProcessInterval Duration `yaml:"process_interval"`
	// RootPath is where the host's file system is mounted when the agent runs in a container.
	RootPath   string     `yaml:"root_path,omitempty"`
	Systemd    Systemd    `yaml:"systemd"`
	Containers Containers `yaml:"containers"`
}

// Systemd is about the states of systemd's units. Where systemd does not run it does nothing.
type Systemd struct {
	Enabled bool `yaml:"enabled"`
	// Units are patterns as systemctl takes them. Of those, units that are enabled or not inactive are told.
	Units []string `yaml:"units"`
	// MaxUnits is how many are told at the most, the ones in trouble first.
	MaxUnits int `yaml:"max_units"`
}

// Containers is about containers, found by their control groups. Where there is no cgroup v2 it does nothing.
type Containers struct {
	Enabled bool `yaml:"enabled"`
	// Max is how many are told at the most: the busiest by CPU and by memory.
	Max int `yaml:"max"`
}

// LogFiles is one set of files that are followed.
type LogFiles struct {
	Include []string `yaml:"include"`
	Exclude []string `yaml:"exclude,omitempty"`
	// MultilineStart is a regular expression for the first line of a record. Without it Multiline decides: "auto" (default) joins stack
	// traces and indented lines to the line before, "none" makes each line a record.
	MultilineStart string `yaml:"multiline_start,omitempty"`
	Multiline      string `yaml:"multiline,omitempty"`
	// Format is how records are taken apart: auto (default), none or one of parse.Formats.
	Format parse.Format `yaml:"format,omitempty"`
	// Mask replaces secrets; it is on unless it is false.
	Mask *bool `yaml:"mask,omitempty"`
	// MaxRecordsPerSecond is how many records of the set are read in a second; what is more is read later. 0 is no limit.
	MaxRecordsPerSecond int    `yaml:"max_records_per_second,omitempty"`
	Service             string `yaml:"service,omitempty"`
	// StartAt is "end" (default) or "beginning": where to begin in files that exist when this set is seen for the first time.
	StartAt    string            `yaml:"start_at,omitempty"`
	Attributes map[string]string `yaml:"attributes,omitempty"`
	// Encoding is how the files are written, such as gbk, utf-16le or iso-8859-1. Empty is auto: each file, and where it is not UTF-8 each record, is looked at.
	Encoding string `yaml:"encoding,omitempty"`
	// Timezone is for times that name none, such as Asia/Shanghai; default: this host's.
	Timezone string `yaml:"timezone,omitempty"`
	// RotateWait is how long a file is read on after its name has gone and nothing more was written (default 1m), FlushLine how long a line
	// waits for its end before it is sent without (default 2s).
	RotateWait *Duration `yaml:"rotate_wait,omitempty"`
	FlushLine  *Duration `yaml:"flush_line,omitempty"`
	// Operators are the file log receiver's operators, used as they are; with them that receiver follows the files, and Multiline, Format and Mask do not apply.
	Operators []any `yaml:"operators,omitempty"`
}

// LogTimes bounds the times that the agent reads from texts of files and syslog. A record with another one keeps it in an attribute and gets the time
// at which it was read, because the server would refuse it.
type LogTimes struct {
	Past   Duration `yaml:"past"`
	Future Duration `yaml:"future"`
}

// Syslog is one address on which syslog is received.
type Syslog struct {
	// Listen is udp://host:port, tcp://host:port or tls://host:port.
	Listen string `yaml:"listen"`
	// Protocol is auto, rfc3164 or rfc5424. It has no effect: each message is recognised by itself.
	Protocol string `yaml:"protocol,omitempty"`
	// CertFile and KeyFile are for tls; with ClientCAFile senders need a certificate of it.
	CertFile     string `yaml:"cert_file,omitempty"`
	KeyFile      string `yaml:"key_file,omitempty"`
	ClientCAFile string `yaml:"client_ca_file,omitempty"`
	// Timezone is the zone of times that name none, such as Europe/Berlin; default: this host's. Location is its older name.
	Timezone string `yaml:"timezone,omitempty"`
	Location string `yaml:"location,omitempty"`
	// Encoding is as of a LogFiles.
	Encoding string `yaml:"encoding,omitempty"`
	Mask     *bool  `yaml:"mask,omitempty"`
	// MaxRecordsPerSecond: what is more is held back by tcp and tls, dropped and counted by udp. 0 is no limit.
	MaxRecordsPerSecond int `yaml:"max_records_per_second,omitempty"`
}

// Journald is about systemd's journal. Where there is no journalctl it does nothing.
type Journald struct {
	Enabled bool `yaml:"enabled"`
	// Units are the ones to read, all when it is empty.
	Units []string `yaml:"units,omitempty"`
	// Priority is the least important one that is read, such as info (default).
	Priority            string `yaml:"priority,omitempty"`
	Mask                *bool  `yaml:"mask,omitempty"`
	MaxRecordsPerSecond int    `yaml:"max_records_per_second,omitempty"`
}

// OTLP is where local programs may send OTLP to. An empty address is off.
type OTLP struct {
	GRPC string `yaml:"grpc"`
	HTTP string `yaml:"http"`
}

// Queue is about the queue on disk between the sources and the server.
type Queue struct {
	// Dir is relative to the working directory; empty means "queue" in the state directory.
	Dir string `yaml:"dir"`
	// SizeMiB bounds the queued data of all signals together; each signal may use a third.
	SizeMiB int `yaml:"size_mib"`
}

// OpAMP is about the talk with the server: heartbeats, health, and the configuration that it pushes.
type OpAMP struct {
	Enabled bool `yaml:"enabled"`
	// Endpoint is the URL of the server's HTTP listener, http:// or https://. Empty derives it from server.endpoint; see there.
	Endpoint string `yaml:"endpoint"`
	// Heartbeat is how often the agent is heard, from 1s to 30s.
	Heartbeat Duration `yaml:"heartbeat"`
}

// Default returns the configuration of an agent without a file: host metrics to a server on this machine.
func Default() Config {
	return Config{
		Server: Server{
			Endpoint:    "127.0.0.1:4317",
			Protocol:    ProtocolGRPC,
			Compression: "zstd",
			Timeout:     Duration(30 * time.Second),
		},
		Host: Host{
			Enabled:         true,
			Interval:        Duration(10 * time.Second),
			ProcessTop:      20,
			ProcessInterval: Duration(30 * time.Second),
			Systemd:         Systemd{Enabled: true, Units: []string{"*.service"}, MaxUnits: 200},
			Containers:      Containers{Enabled: true, Max: 100},
		},
		Middleware: defaultMiddleware(),
		LogTimes:   LogTimes{Past: Duration(when.DefaultLimits().Past), Future: Duration(when.DefaultLimits().Future)},
		Queue:      Queue{SizeMiB: 512},
		OpAMP:      OpAMP{Enabled: true, Heartbeat: Duration(10 * time.Second)},
	}
}

// SignalBytes is the most bytes that the queue of one signal may hold.
func (c Queue) SignalBytes() int64 { return int64(c.SizeMiB) << 20 / 3 }

// ID names a set of files by its patterns, not by its place in the list, so that editing the list keeps the checkpoints.
func (c LogFiles) ID() string {
	patterns := append([]string(nil), c.Include...)
	sort.Strings(patterns)
	sum := sha256.Sum256([]byte(strings.Join(patterns, "\x00")))
	return hex.EncodeToString(sum[:6])
}
