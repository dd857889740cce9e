// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	v1 "github.com/prometheus/prometheus/web/api/v1"

	"github.com/strata-apm/strata/query/guard"
)

// Storage is what the API reads.
type Storage interface {
	storage.Queryable
	storage.ChunkQueryable
	storage.ExemplarQueryable
}

// Local is what else is known of a storage whose tsdb is in this process.
type Local interface {
	// DB answers status/tsdb; nil when the tsdb is not open.
	DB() *tsdb.DB
}

// Remote is what else is known of a storage whose tsdbs are in other processes.
type Remote interface {
	// MetadataFor reads metadata for one request; it takes the place of Options.Metadata.
	MetadataFor(ctx context.Context) scrape.MetricMetadataStore
	// TSDBStatus answers status/tsdb with at most limit names in each list.
	TSDBStatus(ctx context.Context, limit int) (v1.TSDBStatus, error)
	// WithNotes returns a context that gathers warnings and errors which Prometheus's interfaces of exemplars and metadata have
	// no place for, and a function that returns them once the request is answered.
	WithNotes(ctx context.Context) (context.Context, func() ([]string, error))
}

// Config are the guards; zero values are not usable, take DefaultConfig.
type Config struct {
	// Timeout stops a query, MaxSamples bounds the samples it may hold in memory.
	Timeout    time.Duration `yaml:"timeout"`
	MaxSamples int           `yaml:"max_samples"`
	// MaxConcurrent queries run at once; more wait for QueueTimeout and are then refused.
	MaxConcurrent int           `yaml:"max_concurrent"`
	QueueTimeout  time.Duration `yaml:"queue_timeout"`
	// Lookback is how far back an instant selector looks for the newest sample.
	Lookback time.Duration `yaml:"lookback"`
}

// DefaultConfig is Prometheus's own, with the shorter timeout of this product.
func DefaultConfig() Config {
	return Config{Timeout: 30 * time.Second, MaxSamples: 50_000_000, MaxConcurrent: 20, QueueTimeout: 5 * time.Second, Lookback: 5 * time.Minute}
}

// Validate says which guard makes no sense.
func (c Config) Validate() error {
	if c.Timeout <= 0 || c.MaxSamples <= 0 || c.MaxConcurrent <= 0 || c.QueueTimeout < 0 || c.Lookback <= 0 {
		return errors.New("query: timeout, max_samples, max_concurrent and lookback must be positive")
	}
	return nil
}

// NewEngine returns the PromQL engine that the API and the rules share.
func NewEngine(cfg Config, logger *slog.Logger, reg prometheus.Registerer) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger: logger, Reg: reg, MaxSamples: cfg.MaxSamples, Timeout: cfg.Timeout, LookbackDelta: cfg.Lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})
}

// Options are what New needs.
type Options struct {
	Config Config
	// Guard bounds what runs at once; other APIs of the process share it. Nil is one of this API's own.
	Guard  *guard.Guard
	Engine promql.QueryEngine
	// Storage is what is read.
	Storage Storage
	// Local answers status/tsdb from this process, Remote from others; at most one is set, and with neither status/tsdb says so.
	Local  Local
	Remote Remote
	// Metadata reads metadata for one request; with Remote, whose metadata takes its place, it is not needed.
	Metadata func(ctx context.Context) scrape.MetricMetadataStore
	// Rules returns the rules manager, nil when this process evaluates none.
	Rules    v1.RulesRetriever
	Gatherer prometheus.Gatherer
	// Registerer takes the API's own metrics.
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	Listen     string
	DataDir    string
	Version    string
	Started    time.Time
}

// New returns the handler of everything below /prometheus/api/v1, with that prefix taken off.
func New(opts Options) http.Handler {
	if opts.Rules == nil {
		opts.Rules = noRules{}
	}
	if opts.Guard == nil {
		opts.Guard = guard.New(opts.Config.MaxConcurrent, opts.Config.QueueTimeout)
	}
	// Prometheus's handler needs an expression as soon as a request has an Origin; this one matches none, so no other site may read.
	noOrigin := regexp.MustCompile(`[^\s\S]`)
	target := func(ctx context.Context) pushed { return pushedTarget(opts.metadata(ctx)) }
	promConfig := config.DefaultConfig
	api := v1.NewAPI(
		opts.Engine, sampleAndChunk{opts.Storage}, nil, nil, opts.Storage,
		func(context.Context) v1.ScrapePoolsRetriever { return pushed{} },
		func(ctx context.Context) v1.TargetRetriever { return target(ctx) },
		func(context.Context) v1.AlertmanagerRetriever { return noAlertmanagers{} },
		func() config.Config { return promConfig },
		map[string]string{"storage.tsdb.path": opts.DataDir, "web.listen-address": opts.Listen},
		v1.GlobalURLOptions{ListenAddress: opts.Listen, Host: opts.Listen, Scheme: "http"},
		func(next http.HandlerFunc) http.HandlerFunc { return next },
		opts.adminStats(), opts.DataDir, false, false, 0, opts.Logger,
		opts.rulesFor,
		readSampleLimit, readConcurrency, readFrameBytes, false, noOrigin,
		func() (v1.RuntimeInfo, error) { return runtimeInfo(opts) },
		&v1.PrometheusVersion{Version: opts.Version, GoVersion: runtime.Version()},
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, nil, false },
		opts.Gatherer, opts.Registerer, nil,
		false, nil, false, false, false, false,
		opts.Config.Lookback, false, false, errorCode, features.NewRegistry(), v1.OpenAPIOptions{Version: opts.Version},
		parser.NewParser(parser.Options{}),
	)
	r := route.New()
	api.Register(r)
	h := unknownAsJSON(r)
	if opts.Remote != nil {
		h = withNotes(h, opts.Remote)
	}
	return guarded(perTenant(h), opts.Guard)
}

const (
	// readSampleLimit and readFrameBytes are Prometheus's own; the first bounds only answers that are not streamed.
	readSampleLimit = 5e7
	readFrameBytes  = 1 << 20
	// readConcurrency is above the 16 requests that each process which queries sends here at once, so that they wait there, where
	// a writer that is busy is told from one that is gone.
	readConcurrency = 64
)

type sampleAndChunk struct{ Storage }

func runtimeInfo(opts Options) (v1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return v1.RuntimeInfo{}, fmt.Errorf("read host name: %w", err)
	}
	return v1.RuntimeInfo{
		StartTime: opts.Started, CWD: opts.DataDir, Hostname: host, ServerTime: time.Now(), ReloadConfigSuccess: true,
		LastConfigTime: opts.Started, GoroutineCount: runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0),
	}, nil
}

// pushed stands for everything that pushes: Prometheus's API reads metadata from the targets it scrapes.
type pushed struct{ target *scrape.Target }

const pushedPool = "pushed"

func pushedTarget(md scrape.MetricMetadataStore) pushed {
	cfg := config.DefaultScrapeConfig
	cfg.JobName = pushedPool
	if md == nil {
		md = noMetadata{}
	}
	t := scrape.NewTarget(labels.FromStrings(model.JobLabel, pushedPool, model.AddressLabel, "push"), &cfg, nil, nil)
	t.SetMetadataStore(md)
	return pushed{target: t}
}

func (p pushed) TargetsActive() map[string][]*scrape.Target {
	return map[string][]*scrape.Target{pushedPool: {p.target}}
}
func (pushed) TargetsDropped() map[string][]*scrape.Target { return nil }
func (pushed) TargetsDroppedCounts() map[string]int        { return nil }
func (pushed) ScrapePools() []string                       { return []string{} }
func (pushed) ScrapePoolConfig(name string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("scrape pool %q does not exist: this server is pushed to", name)
}

// noRules stands for the rules of a process that evaluates none.
type noRules struct{}

func (noRules) RuleGroups() []*rules.Group           { return nil }
func (noRules) AlertingRules() []*rules.AlertingRule { return nil }

// noAlertmanagers says that notifications are sent by this process itself.
type noAlertmanagers struct{}

func (noAlertmanagers) Alertmanagers() []*url.URL        { return nil }
func (noAlertmanagers) DroppedAlertmanagers() []*url.URL { return nil }
