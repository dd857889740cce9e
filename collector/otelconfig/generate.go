// SPDX-License-Identifier: Apache-2.0

package otelconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/link"
	"github.com/strata-apm/strata/collector/queue"

	"github.com/strata-apm/strata/collector/hoststate"
	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/signal"
)

// Names of components in the generated configuration. They are part of the names of checkpoint and queue files, so a change makes
// running agents forget where they were.
const (
	idHostMetrics    = "host_metrics"
	idProcessMetrics = "host_metrics/process"
	idOTLP           = "otlp"
	idEnrichHost     = enrich.TypeName + "/host"
	idEnrichLogs     = enrich.TypeName + "/logs"
	idEnrichOTLP     = enrich.TypeName + "/otlp"
	idEnrichAgent    = enrich.TypeName + "/agent"
	idQueueStore     = queue.TypeName + "/queue"
	idCheckpoints    = "file_storage/checkpoints"
)

// HealthType is the type of the extension that hears how the collector's components are.
const HealthType = "strata_health"

type (
	object = map[string]any
	list   = []any
)

// Environment is what the generated configuration depends on besides the file.
type Environment struct {
	Host     enrich.Host
	StateDir string
	// LookPath finds a program; nil is exec.LookPath.
	LookPath func(name string) (string, error)
}

// Generate builds the collector's configuration. The result is plain maps, lists and scalars, ready for the collector's own
// decoder, with cfg.Raw merged over it.
func Generate(cfg config.Config, env Environment) (map[string]any, error) {
	exporterID, exporter, err := exporterConfig(cfg)
	if err != nil {
		return nil, err
	}
	g := generator{cfg: cfg, env: env, receivers: object{}, processors: object{}, pipelines: object{}, exporterID: exporterID}
	g.addHost()
	if err := g.addLogs(); err != nil {
		return nil, err
	}
	g.addSyslog()
	g.addJournald()
	g.addLogStats()
	g.addOTLP()
	g.addMiddleware()
	if err := g.addScrape(); err != nil {
		return nil, err
	}
	out := object{
		"extensions": object{
			link.TypeName: object{},
			HealthType:    object{},
			idQueueStore:  storageConfig(g.queueDir(), true),
			idCheckpoints: storageConfig(filepath.Join(env.StateDir, "checkpoints"), false),
		},
		"receivers":  g.receivers,
		"processors": g.processors,
		"exporters":  object{exporterID: exporter},
		"service": object{
			"extensions": list{link.TypeName, HealthType, idQueueStore, idCheckpoints},
			"pipelines":  g.pipelines,
		},
	}
	merge(out, cfg.Raw)
	service, _ := out["service"].(object)
	if pipelines, _ := service["pipelines"].(object); len(pipelines) == 0 {
		return nil, errors.New("nothing to do: host metrics and middleware are off, and there are neither logs nor an OTLP address")
	}
	return out, nil
}

// generator gathers the parts of one configuration.
type generator struct {
	cfg                              config.Config
	env                              Environment
	receivers, processors, pipelines object
	exporterID                       string
}

func (g *generator) queueDir() string {
	if g.cfg.Queue.Dir != "" {
		return g.cfg.Queue.Dir
	}
	return filepath.Join(g.env.StateDir, "queue")
}

// storageConfig describes a store on disk. Both fsync each write: the queue because it is what the source was promised, the
// checkpoints because an offset that is lost is a file read twice. Only the queue grows after an outage and is worth compacting.
func storageConfig(dir string, compact bool) object {
	c := object{"directory": dir, "create_directory": true, "fsync": true, "timeout": "5s"}
	if compact {
		c["compaction"] = object{
			"directory":                     dir,
			"on_start":                      true,
			"on_rebound":                    true,
			"cleanup_on_start":              true,
			"rebound_needed_threshold_mib":  32,
			"rebound_trigger_threshold_mib": 4,
		}
	}
	return c
}

// pipeline makes a pipeline with the one processor that each has.
func (g *generator) pipeline(id string, receivers list, processor string) {
	g.pipelines[id] = object{"receivers": receivers, "processors": list{processor}, "exporters": list{g.exporterID}}
}

// addHost makes the pipeline of the host's own metrics.
func (g *generator) addHost() {
	h := g.cfg.Host
	if !h.Enabled {
		return
	}
	attrs := g.env.Host.Attributes(g.cfg.Attributes)
	attrs["service.instance.id"] = attrs["host.id"]
	g.processors[idEnrichHost] = object{"attributes": stringsObject(attrs), "override": true, "process_top": h.ProcessTop}
	g.receivers[idHostMetrics] = hostReceiver(h, h.Interval, hostScrapers())
	g.receivers[hoststate.Type] = object{
		"interval": h.Interval.String(), "root_path": h.RootPath,
		"systemd":    object{"enabled": h.Systemd.Enabled, "units": stringsList(h.Systemd.Units), "max_units": h.Systemd.MaxUnits},
		"containers": object{"enabled": h.Containers.Enabled, "max": h.Containers.Max},
	}
	receivers := list{idHostMetrics, hoststate.Type}
	if h.ProcessTop > 0 {
		g.receivers[idProcessMetrics] = hostReceiver(h, h.ProcessInterval, object{"process": processScraper(h)})
		receivers = append(receivers, idProcessMetrics)
	}
	g.pipeline("metrics/host", receivers, idEnrichHost)
}

// addLogs makes the pipeline of all sets of files.
func (g *generator) addLogs() error {
	if len(g.cfg.Logs) == 0 {
		return nil
	}
	receivers := make(list, 0, len(g.cfg.Logs))
	for _, l := range g.cfg.Logs {
		id := filesID(l)
		startAt := l.StartAt
		seen, err := g.seenBefore(l)
		switch {
		case err != nil:
			return err
		case seen:
			// A file that appeared while the agent was down has no checkpoint, but all of it is new.
			startAt = "beginning"
		case startAt == "":
			startAt = "end"
		}
		r := filesReceiver(l, startAt)
		if len(l.Operators) == 0 {
			r["times"] = timesObject(g.cfg.LogTimes)
		}
		g.receivers[id] = r
		receivers = append(receivers, id)
	}
	g.processors[idEnrichLogs] = object{
		"attributes":      stringsObject(g.env.Host.Attributes(g.cfg.Attributes)),
		"override":        true,
		"detect_severity": true,
		"progress":        true,
	}
	g.pipeline("logs/files", receivers, idEnrichLogs)
	return nil
}

// addLogStats tells what happened to the records of the log sources, where there are any.
func (g *generator) addLogStats() {
	if len(g.cfg.Logs) == 0 && len(g.cfg.Syslog) == 0 && g.receivers[idJournald] == nil {
		return
	}
	attrs := g.env.Host.Attributes(g.cfg.Attributes)
	attrs["service.instance.id"] = attrs["host.id"]
	g.receivers[logs.StatsType] = object{"interval": g.cfg.Host.Interval.String()}
	g.processors[idEnrichAgent] = object{"attributes": stringsObject(attrs), "override": true}
	g.pipeline("metrics/agent", list{logs.StatsType}, idEnrichAgent)
}

// timesObject bounds the times that are read from texts.
func timesObject(c config.LogTimes) object {
	return object{"past": c.Past.String(), "future": c.Future.String()}
}

// seenBefore says whether the set of files was followed by an earlier run: then the checkpoint store has a file for it.
func (g *generator) seenBefore(l config.LogFiles) (bool, error) {
	typ := logs.Type
	if len(l.Operators) > 0 {
		typ = "filelog" // As the library calls its checkpoints.
	}
	_, err := os.Stat(filepath.Join(g.env.StateDir, "checkpoints", "receiver_"+typ+"_"+l.ID()))
	if err != nil && !os.IsNotExist(err) {
		return false, fmt.Errorf("look for checkpoints: %w", err)
	}
	return err == nil, nil
}

// filesID names the receiver of a set of files: our own, or the collector's where its operators are asked for.
func filesID(c config.LogFiles) string {
	if len(c.Operators) > 0 {
		return "file_log/" + c.ID()
	}
	return logs.Type + "/" + c.ID()
}

// filesReceiver describes the receiver of a set of files. A key that is not given is left to the receiver's default.
func filesReceiver(c config.LogFiles, startAt string) object {
	if len(c.Operators) > 0 {
		return operatorReceiver(c, startAt)
	}
	r := object{
		"include":                stringsList(c.Include),
		"start_at":               startAt,
		"multiline":              c.Multiline != "none",
		"mask":                   c.Mask == nil || *c.Mask,
		"max_records_per_second": c.MaxRecordsPerSecond,
		"storage":                idCheckpoints,
	}
	if len(c.Exclude) > 0 {
		r["exclude"] = stringsList(c.Exclude)
	}
	if c.MultilineStart != "" {
		r["multiline_start"] = c.MultilineStart
	}
	if c.Format != "" {
		r["format"] = string(c.Format)
	}
	if c.Encoding != "" {
		r["encoding"] = c.Encoding
	}
	if c.Timezone != "" {
		r["timezone"] = c.Timezone
	}
	if c.RotateWait != nil {
		r["rotate_wait"] = c.RotateWait.String()
	}
	if c.FlushLine != nil {
		r["flush_line"] = c.FlushLine.String()
	}
	if c.Service != "" {
		r["resource"] = object{"service.name": c.Service}
	}
	if len(c.Attributes) > 0 {
		r["attributes"] = stringsObject(c.Attributes)
	}
	return r
}

// operatorReceiver describes the collector's own receiver of files, for sets that ask for its operators.
func operatorReceiver(c config.LogFiles, startAt string) object {
	r := object{
		"include":           stringsList(c.Include),
		"start_at":          startAt,
		"include_file_path": true,
		// Taken off again by strata_enrich.
		"include_file_record_offset": true,
		"storage":                    idCheckpoints,
		"retry_on_failure":           object{"enabled": true, "initial_interval": "1s", "max_interval": "30s", "max_elapsed_time": "0s"},
	}
	if len(c.Exclude) > 0 {
		r["exclude"] = stringsList(c.Exclude)
	}
	if c.MultilineStart != "" {
		r["multiline"] = object{"line_start_pattern": c.MultilineStart}
	}
	if c.Service != "" {
		r["resource"] = object{"service.name": c.Service}
	}
	if len(c.Attributes) > 0 {
		r["attributes"] = stringsObject(c.Attributes)
	}
	r["operators"] = c.Operators
	return r
}

// addOTLP makes the pipelines of what local programs send.
func (g *generator) addOTLP() {
	protocols := object{}
	if g.cfg.OTLP.GRPC != "" {
		protocols["grpc"] = object{"endpoint": g.cfg.OTLP.GRPC, "max_recv_msg_size_mib": 16}
	}
	if g.cfg.OTLP.HTTP != "" {
		protocols["http"] = object{"endpoint": g.cfg.OTLP.HTTP}
	}
	if len(protocols) == 0 {
		return
	}
	g.receivers[idOTLP] = object{"protocols": protocols}
	g.processors[idEnrichOTLP] = object{"attributes": stringsObject(g.env.Host.Attributes(g.cfg.Attributes))}
	for _, s := range signal.All() {
		g.pipeline(string(s)+"/otlp", list{idOTLP}, idEnrichOTLP)
	}
}

func stringsList(in []string) list {
	out := make(list, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}

func stringsObject(in map[string]string) object {
	out := make(object, len(in))
	for k, v := range in {
		out[k] = v
	}
	return out
}
