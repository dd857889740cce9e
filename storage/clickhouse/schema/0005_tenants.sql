-- Whose rows they are, first in every sort key. ClickHouse does not put a column before a sort key that is there: each table is made anew, its
-- rows are copied a day at a time, and the two change places. Rows from before belong to the tenant default, and so do those of writers that
-- know nothing of tenants. Nothing may write meanwhile. The views come back last: what they would count has been counted.
DROP VIEW IF EXISTS {db}.otel_traces_trace_id_ts_mv{on_cluster};
DROP VIEW IF EXISTS {db}.strata_spans_1m_mv{on_cluster};

{rebuild} otel_logs CREATE TABLE {db}.otel_logs_rebuilt{local}{on_cluster}
(
    TenantId           LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    Timestamp          DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimestampTime      DateTime DEFAULT toDateTime(Timestamp) CODEC(Delta(4), ZSTD(1)),
    ObservedTimestamp  DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    RowId              UInt64 DEFAULT cityHash64(TraceId, SpanId, Body, mapValues(LogAttributes)) CODEC(Delta(8), ZSTD(1)),
    TraceId            String CODEC(ZSTD(1)),
    SpanId             String CODEC(ZSTD(1)),
    TraceFlags         UInt8,
    SeverityText       LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber     UInt8,
    ServiceName        LowCardinality(String) CODEC(ZSTD(1)),
    Body               String CODEC(ZSTD(1)),
    ResourceSchemaUrl  LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl     LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName          LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion       LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName          LowCardinality(String) CODEC(ZSTD(1)),
    Environment        LowCardinality(String) DEFAULT if(mapContains(ResourceAttributes, 'deployment.environment.name'), ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']) CODEC(ZSTD(1)),
    HostName           LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    NestedAttributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_words if(isValidASCII(Body) AND position(Body, '\x1b') = 0, lower(Body), lower(replaceRegexpAll(Body, '\x1b\\[[0-9;:]*[A-Za-z]|[^\\x00-\\x7F]+', ' '))) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1,
    INDEX idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toDate(TimestampTime)
ORDER BY (TenantId, ServiceName, TimestampTime, Timestamp)
SETTINGS {map_settings};

{rebuild} otel_traces CREATE TABLE {db}.otel_traces_rebuilt{local}{on_cluster}
(
    TenantId           LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
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
    ScopeAttributes    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl  LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl     LowCardinality(String) CODEC(ZSTD(1)),
    Flags              UInt32 CODEC(ZSTD(1)),
    NestedAttributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1,
    INDEX idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toDate(Timestamp)
ORDER BY (TenantId, ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS {trace_settings};

{rebuild} otel_traces_trace_id_ts CREATE TABLE {db}.otel_traces_trace_id_ts_rebuilt{local}{on_cluster}
(
    TenantId LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    TraceId  String CODEC(ZSTD(1)),
    Start    DateTime CODEC(Delta(4), ZSTD(1)),
    End      DateTime CODEC(Delta(4), ZSTD(1)),
    Spans    UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = {merge_tree}
PARTITION BY toDate(Start)
ORDER BY (TenantId, TraceId, Start)
SETTINGS {settings};

{rebuild} strata_spans_1m CREATE TABLE {db}.strata_spans_1m_rebuilt{local}{on_cluster}
(
    TenantId     LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
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
ORDER BY (TenantId, ServiceName, SpanKind, Minute, Environment, SpanName, Root, TargetType, TargetSystem, Target)
SETTINGS {settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.otel_traces_trace_id_ts_mv{on_cluster} TO {db}.otel_traces_trace_id_ts{local} AS
SELECT TenantId, TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End, count() AS Spans
FROM {db}.otel_traces{local}
WHERE TraceId != ''
GROUP BY TenantId, TraceId;

CREATE MATERIALIZED VIEW IF NOT EXISTS {db}.strata_spans_1m_mv{on_cluster} TO {db}.strata_spans_1m{local} AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Minute, TenantId, ServiceName, Environment, SpanName, SpanKind,
    ParentSpanId = '' AS Root, TargetType, TargetSystem, Target,
    count() AS Spans, countIf(StatusCode = 'Error') AS Errors, sum(Duration) AS DurationSum, anyLast(toString(SdkLanguage)) AS Language, max(Timestamp) AS LastSeen,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration)) AS Durations
FROM {db}.otel_traces{local}
GROUP BY TenantId, Minute, ServiceName, Environment, SpanName, SpanKind, Root, TargetType, TargetSystem, Target;
