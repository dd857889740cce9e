// SPDX-License-Identifier: Apache-2.0

// Package config is the server's configuration: the defaults, a YAML file over them, and STRATA_* variables over that. Unknown keys are
// errors. Each part has the type of its own section, so this package imports the parts, the engines among them, and whoever imports it does as
// well: that are the commands, the wiring and what serves it.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/ingest/bus/kafka"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/internal/install"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage/catalog"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/storage/metrics/fanout"

	"github.com/strata-apm/strata/packs"
)

// Config is the whole configuration of one server process.
type Config struct {
	// DataDir holds everything the process keeps. One process owns it.
	DataDir  string `yaml:"data_dir"`
	LogLevel string `yaml:"log_level"`

	HTTP       HTTP              `yaml:"http"`
	Intake     intake.Config     `yaml:"intake"`
	OTLP       OTLP              `yaml:"otlp"`
	Bus        Bus               `yaml:"bus"`
	Writer     Writer            `yaml:"writer"`
	Metrics    metrics.Config    `yaml:"metrics"`
	Fanout     fanout.Config     `yaml:"fanout"`
	ClickHouse clickhouse.Config `yaml:"clickhouse"`
	Engine     Engine            `yaml:"engine"`
	Catalog    catalog.Config    `yaml:"catalog"`
	Cluster    Cluster           `yaml:"cluster"`
	Query      promapi.Config    `yaml:"query"`
	Alerting   Alerting          `yaml:"alerting"`
	Auth       Auth              `yaml:"auth"`
	Agents     install.Config    `yaml:"agents"`
	Self       Self              `yaml:"self"`
}

// HTTP is the listener of the page and all HTTP APIs.
type HTTP struct {
	Listen string `yaml:"listen"`
	// ExternalURL is how users reach the page; links in notifications start with it. Default: the listen address.
	ExternalURL string `yaml:"external_url"`
	// TLS makes the listener speak https; without files it is plain.
	TLS certs.Server `yaml:"tls"`
}

// OTLP is how OTLP comes in.
type OTLP struct {
	GRPCListen string `yaml:"grpc_listen"`
	HTTPListen string `yaml:"http_listen"`
	// TLS is for both listeners.
	TLS certs.Server `yaml:"tls"`
	// CORS lets web pages of other origins send over HTTP, and BrowserKeys bounds what keys that stand in pages may send.
	CORS        CORS        `yaml:"cors"`
	BrowserKeys BrowserKeys `yaml:"browser_keys"`
	// Series is how metrics become series.
	Series writer.Translation `yaml:"series"`
}

// CORS says which pages may send.
type CORS struct {
	// AllowedOrigins are such as https://shop.example.com, with at most one * in each; "*" alone is every page. Empty is none.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// MaxAge is how long a browser need not ask again.
	MaxAge time.Duration `yaml:"max_age"`
}

// BrowserKeys are the rates of keys of scope browser, in requests per second: of one address, and of all that use the key. A burst may have ten seconds'
// worth; more is answered with 429 and Retry-After.
type BrowserKeys struct {
	RequestsPerAddress float64 `yaml:"requests_per_address"`
	RequestsPerKey     float64 `yaml:"requests_per_key"`
}

// Bus is the durable pipe: Kafka where brokers are named, else the embedded log.
type Bus struct {
	// LimitBytes is the most each topic of the embedded log may hold; past it the intake refuses.
	LimitBytes   int64        `yaml:"limit_bytes"`
	SegmentBytes int64        `yaml:"segment_bytes"`
	Kafka        kafka.Config `yaml:"kafka"`
}

// Shared says that the bus is one that several processes use.
func (b Bus) Shared() bool { return len(b.Kafka.Brokers) > 0 }

// Writer is what a writer takes off the bus.
type Writer struct {
	// Signals are metrics, traces and logs. A second group of writers (bus.kafka.group) that replicates the metrics takes only those:
	// spans and log records of two groups would be stored twice.
	Signals []signal.Signal `yaml:"signals"`
}

// Cluster is how this process is known to the others when roles run in separate processes.
type Cluster struct {
	// Instance names the process for good. Default: a name made at the first start and kept in the data directory.
	Instance string `yaml:"instance"`
	// AdvertiseURL is where the others reach its HTTP listener. Default: http:// and the listen address.
	AdvertiseURL string `yaml:"advertise_url"`
	// TLS is how this process trusts the others where their listeners speak TLS.
	TLS certs.Client `yaml:"tls"`
}

// Engine is the embedded ClickHouse; it is not started when clickhouse.url is set.
type Engine struct {
	// Library is the path of libchdb.so; empty looks in the usual places.
	Library string `yaml:"library"`
	// MemoryBytes bounds the child process; 0 takes a share of the machine or cgroup.
	MemoryBytes uint64 `yaml:"memory_bytes"`
}

// Alerting are the rules and their evaluation.
type Alerting struct {
	// RuleFiles are globs of Prometheus rule files.
	RuleFiles []string `yaml:"rule_files"`
	// DisablePacks names the kinds of middleware whose alert rules are left out; AgentRules is one of the names.
	DisablePacks []string `yaml:"disable_packs"`
	// EvaluationInterval is for groups that name none.
	EvaluationInterval time.Duration `yaml:"evaluation_interval"`
	// RepeatInterval is how often a notifier is reminded of alerts that go on firing.
	RepeatInterval time.Duration `yaml:"repeat_interval"`
}

// Auth says who needs credentials.
type Auth struct {
	// Local is "open" (requests from this machine need no credentials while every listener is on loopback) or "required".
	Local string `yaml:"local"`
}

// Self is the server's own telemetry.
type Self struct {
	Enabled bool `yaml:"enabled"`
	// Endpoint is the OTLP gRPC address it goes to from a process that has no such listener itself: host:port, or https://host:port for TLS (cluster.tls).
	// Empty sends nothing.
	Endpoint string `yaml:"endpoint"`
	// TraceRatio is the share of own requests that are traced.
	TraceRatio float64       `yaml:"trace_ratio"`
	Interval   time.Duration `yaml:"interval"`
}

// AgentRules names the alert rules about agents.
const AgentRules = "agents"

// Default returns the configuration of a fresh install.
func Default() Config {
	return Config{
		DataDir: "./data", LogLevel: "info",
		HTTP:   HTTP{Listen: "127.0.0.1:7080"},
		Intake: intake.DefaultConfig(),
		OTLP: OTLP{
			GRPCListen: "127.0.0.1:4317", HTTPListen: "127.0.0.1:4318",
			CORS: CORS{AllowedOrigins: []string{}, MaxAge: 2 * time.Hour}, BrowserKeys: BrowserKeys{RequestsPerAddress: 5, RequestsPerKey: 500},
			Series: writer.DefaultTranslation(),
		},
		Bus:        Bus{LimitBytes: 4 << 30, SegmentBytes: 64 << 20, Kafka: kafka.DefaultConfig()},
		Writer:     Writer{Signals: signal.All()},
		Metrics:    metrics.DefaultConfig(),
		Fanout:     fanout.DefaultConfig(),
		Catalog:    catalog.Default(),
		ClickHouse: clickhouse.Default(),
		Query:      promapi.DefaultConfig(),
		Alerting:   Alerting{RuleFiles: []string{}, DisablePacks: []string{}, EvaluationInterval: 15 * time.Second, RepeatInterval: 4 * time.Hour},
		Auth:       Auth{Local: "open"},
		Self:       Self{Enabled: true, TraceRatio: 0.1, Interval: 15 * time.Second},
	}
}

// Load reads path over the defaults and the environment over both; an empty path reads no file.
func Load(path string, environ []string) (Config, error) {
	cfg := Default()
	if path != "" {
		b, err := os.ReadFile(path) //nolint:gosec // The operator names the file.
		if err != nil {
			return cfg, fmt.Errorf("read configuration: %w", err)
		}
		if err := decode(b, &cfg); err != nil {
			return cfg, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := applyEnv(&cfg, environ); err != nil {
		return cfg, err
	}
	return cfg, nil
}

func decode(b []byte, cfg *Config) error {
	if err := checkMoved(b); err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(cfg); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode: %w", err)
	}
	if err := dec.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return errors.New("only one YAML document is read; remove what follows ---")
	}
	return nil
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	errs := []error{
		c.Intake.Validate(), c.Metrics.Validate(), c.ClickHouse.Validate(), c.Query.Validate(), c.Fanout.Validate(), c.Catalog.Validate(),
		c.Writer.validate(), c.Cluster.validate(), c.Agents.Validate(),
	}
	if c.Bus.Shared() {
		if err := c.Bus.Kafka.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("bus.kafka: %w", err))
		}
	}
	if err := c.OTLP.Series.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("otlp.series: %w", err))
	}
	errs = append(errs, c.validateTLS(), c.OTLP.validateBrowsers(), install.CheckURL("http.external_url", strings.TrimRight(c.HTTP.ExternalURL, "/")))
	for key, addr := range map[string]string{"http.listen": c.HTTP.Listen, "otlp.grpc_listen": c.OTLP.GRPCListen, "otlp.http_listen": c.OTLP.HTTPListen} {
		errs = append(errs, validAddress(key, addr))
	}
	if c.DataDir == "" {
		errs = append(errs, errors.New("data_dir is empty"))
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		errs = append(errs, fmt.Errorf("log_level %q is none of debug, info, warn, error", c.LogLevel))
	}
	switch c.Auth.Local {
	case "open", "required":
	default:
		errs = append(errs, fmt.Errorf("auth.local %q is neither open nor required", c.Auth.Local))
	}
	return errors.Join(append(errs, c.limits()...)...)
}

// limits reports the numbers that cannot work, and the alerting packs that do not exist.
func (c Config) limits() (errs []error) {
	if c.Bus.LimitBytes < 1<<20 || c.Bus.SegmentBytes < 1<<16 {
		errs = append(errs, errors.New("bus: limit_bytes must be at least 1 MiB, segment_bytes at least 64 KiB"))
	}
	if c.Alerting.EvaluationInterval < time.Second || c.Alerting.RepeatInterval < time.Minute {
		errs = append(errs, errors.New("alerting: evaluation_interval must be at least 1s, repeat_interval at least 1m"))
	}
	for _, name := range c.Alerting.DisablePacks {
		if _, err := packs.Get(name); err != nil && name != AgentRules {
			errs = append(errs, fmt.Errorf("alerting.disable_packs: %w", err))
		}
	}
	if c.Self.Endpoint != "" {
		errs = append(errs, validAddress("self.endpoint", strings.TrimPrefix(c.Self.Endpoint, "https://")))
	}
	if c.Self.TraceRatio < 0 || c.Self.TraceRatio > 1 || c.Self.Interval < time.Second {
		errs = append(errs, errors.New("self: trace_ratio must be between 0 and 1, interval at least 1s"))
	}
	return errs
}

func validAddress(key, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s %q is not host:port", key, addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s %q: the port is not a number from 0 to 65535", key, addr)
	}
	return nil
}

// Marshal renders the configuration as the YAML that Load reads.
func (c Config) Marshal() ([]byte, error) {
	b, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return b, nil
}
