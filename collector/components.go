// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourceprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/journaldreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/syslogreceiver"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"

	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/hoststate"
	"github.com/strata-apm/strata/collector/link"
	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/logs/syslog"
	"github.com/strata-apm/strata/collector/middleware"
	"github.com/strata-apm/strata/collector/queue"
	"github.com/strata-apm/strata/collector/scrape"
)

// factories lists every component of the agent once. Components that the generated configuration does not use are there for "raw".
func (a *Agent) factories(server string) (otelcol.Factories, error) {
	linkFactory, linkErr := link.NewFactory(a.opts.Logger, server, a.clock)
	healthFactory, healthErr := a.health.factory()
	middlewareFactory, middlewareErr := middleware.NewFactory(middleware.Options{Board: a.opts.Board, Logger: a.opts.Logger, Memory: a.found})
	enrichFactory, enrichErr := enrich.NewFactory(a.volume, a.queue, a.logStats)
	queueFactory, queueErr := queue.NewFactory(a.queue)
	scrapeFactory, scrapeErr := scrape.NewFactory(a.opts.Logger)
	hostFactory, hostErr := hoststate.NewFactory()
	filesFactory, filesErr := logs.NewFactory(a.logStats, queue.NewProgress(a.queue))
	syslogFactory, syslogErr := syslog.NewFactory()
	statsFactory, statsErr := logs.NewStatsFactory(a.logStats)
	if err := errors.Join(linkErr, healthErr, enrichErr, filesErr, syslogErr, statsErr, hostErr, queueErr, middlewareErr, scrapeErr); err != nil {
		return otelcol.Factories{}, err
	}
	receivers, receiverErr := otelcol.MakeFactoryMap[receiver.Factory](
		middlewareFactory,
		scrapeFactory,
		hostmetricsreceiver.NewFactory(),
		filesFactory,
		syslogFactory,
		statsFactory,
		hostFactory,
		filelogreceiver.NewFactory(),
		syslogreceiver.NewFactory(),
		journaldreceiver.NewFactory(),
		otlpreceiver.NewFactory(),
	)
	processors, processorErr := otelcol.MakeFactoryMap[processor.Factory](
		enrichFactory,
		batchprocessor.NewFactory(),
		filterprocessor.NewFactory(),
		memorylimiterprocessor.NewFactory(),
		resourceprocessor.NewFactory(),
		transformprocessor.NewFactory(),
	)
	exporters, exporterErr := otelcol.MakeFactoryMap[exporter.Factory](
		otlpexporter.NewFactory(),
		otlphttpexporter.NewFactory(),
	)
	extensions, extensionErr := otelcol.MakeFactoryMap[extension.Factory](
		linkFactory,
		healthFactory,
		queueFactory,
		filestorage.NewFactory(),
	)
	return otelcol.Factories{
		Receivers:  receivers,
		Processors: processors,
		Exporters:  exporters,
		Extensions: extensions,
		Telemetry:  newTelemetryFactory(a.opts.Logger),
	}, errors.Join(receiverErr, processorErr, exporterErr, extensionErr)
}
