-- Spans, with the column names of the OpenTelemetry ClickHouse exporter. The columns after Links are ours: what pages filter and group
-- by, computed by the writer; a writer that knows nothing of them gets their defaults.
CREATE TABLE IF NOT EXISTS {db}.otel_traces{local}{on_cluster}
(
    Timestamp          DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId            String CODEC(ZSTD(1)),
    SpanId             String CODEC(ZSTD(1)),
    ParentSpanId       String CODEC(ZSTD(1)),
    TraceState         String CODEC(ZSTD(1)),
    SpanName           LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind           LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName        LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName          LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion       LowCardinality(String) CODEC(ZSTD(1)),
    SpanAttributes     Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration           UInt64 CODEC(ZSTD(1)),
    StatusCode         LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage      String CODEC(ZSTD(1)),
    Events Nested
    (
        Timestamp  DateTime64(9),
        Name       LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested
    (
        TraceId    String,
        SpanId     String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Environment        LowCardinality(String) DEFAULT if(mapContains(ResourceAttributes, 'deployment.environment.name'), ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']) CODEC(ZSTD(1)),
    HostName           LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    HttpMethod         LowCardinality(String) DEFAULT if(mapContains(SpanAttributes, 'http.request.method'), SpanAttributes['http.request.method'], SpanAttributes['http.method']) CODEC(ZSTD(1)),
    HttpRoute          LowCardinality(String) DEFAULT SpanAttributes['http.route'] CODEC(ZSTD(1)),
    HttpStatusCode     UInt16 DEFAULT toUInt16OrZero(if(mapContains(SpanAttributes, 'http.response.status_code'), SpanAttributes['http.response.status_code'], SpanAttributes['http.status_code'])) CODEC(ZSTD(1)),
    TargetType         LowCardinality(String) DEFAULT multiIf(mapContains(SpanAttributes, 'db.system.name') OR mapContains(SpanAttributes, 'db.system'), 'db', mapContains(SpanAttributes, 'messaging.system'), 'messaging', mapContains(SpanAttributes, 'rpc.system'), 'rpc', HttpMethod != '', 'http', '') CODEC(ZSTD(1)),
    TargetSystem       LowCardinality(String) DEFAULT multiIf(TargetType = 'db', if(mapContains(SpanAttributes, 'db.system.name'), SpanAttributes['db.system.name'], SpanAttributes['db.system']), TargetType = 'messaging', SpanAttributes['messaging.system'], TargetType = 'rpc', SpanAttributes['rpc.system'], TargetType) CODEC(ZSTD(1)),
    Target             LowCardinality(String) DEFAULT if(SpanKind IN ('Client', 'Producer'), SpanAttributes['server.address'], '') CODEC(ZSTD(1)),
    SdkLanguage        LowCardinality(String) DEFAULT ResourceAttributes['telemetry.sdk.language'] CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS {trace_settings};
{distributed} otel_traces;

-- When each trace was and how many spans a batch had of it: a trace is looked up here first, so that its spans are read from minutes
-- instead of the whole retention.
CREATE TABLE IF NOT EXISTS {db}.otel_traces_trace_id_ts{local}{on_cluster}
(
    TraceId String CODEC(ZSTD(1)),
    Start   DateTime CODEC(Delta(4), ZSTD(1)),
    End     DateTime CODEC(Delta(4), ZSTD(1)),
    Spans   UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = {merge_tree}
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS {settings};
{distributed} otel_traces_trace_id_ts;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.otel_traces_trace_id_ts_mv{on_cluster} TO {db}.otel_traces_trace_id_ts{local} AS
SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End, count() AS Spans
FROM {db}.otel_traces{local}
WHERE TraceId != ''
GROUP BY TraceId;

-- Counts and durations per minute: pages over days read this instead of every span.
CREATE TABLE IF NOT EXISTS {db}.strata_spans_1m{local}{on_cluster}
(
    Minute       DateTime CODEC(Delta(4), ZSTD(1)),
    ServiceName  LowCardinality(String),
    Environment  LowCardinality(String),
    SpanName     LowCardinality(String),
    SpanKind     LowCardinality(String),
    Root         UInt8,
    TargetType   LowCardinality(String),
    TargetSystem LowCardinality(String),
    Target       LowCardinality(String),
    Spans        SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    Errors       SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    DurationSum  SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Language     SimpleAggregateFunction(anyLast, String),
    LastSeen     SimpleAggregateFunction(max, DateTime64(9)) CODEC(Delta(8), ZSTD(1)),
    Durations    AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD(1))
)
ENGINE = {aggregating_merge_tree}
PARTITION BY toDate(Minute)
ORDER BY (ServiceName, SpanKind, Minute, Environment, SpanName, Root, TargetType, TargetSystem, Target)
SETTINGS {settings};
{distributed} strata_spans_1m;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.strata_spans_1m_mv{on_cluster} TO {db}.strata_spans_1m{local} AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Minute, ServiceName, Environment, SpanName, SpanKind,
    ParentSpanId = '' AS Root, TargetType, TargetSystem, Target,
    count() AS Spans, countIf(StatusCode = 'Error') AS Errors, sum(Duration) AS DurationSum, anyLast(toString(SdkLanguage)) AS Language, max(Timestamp) AS LastSeen,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration)) AS Durations
FROM {db}.otel_traces{local}
GROUP BY Minute, ServiceName, Environment, SpanName, SpanKind, Root, TargetType, TargetSystem, Target;
