CREATE DATABASE IF NOT EXISTS strata ON CLUSTER shop;

CREATE TABLE IF NOT EXISTS strata.strata_migrations ON CLUSTER shop
(Version UInt32, Name String, AppliedAt DateTime) ENGINE = ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}') ORDER BY Version;

CREATE TABLE IF NOT EXISTS strata.otel_logs_local ON CLUSTER shop
(
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
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimestampTime)
ORDER BY (ServiceName, TimestampTime, Timestamp)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10, map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic';

CREATE TABLE IF NOT EXISTS strata.otel_logs ON CLUSTER shop AS strata.otel_logs_local ENGINE = Distributed('shop', 'strata', 'otel_logs_local', rand());

CREATE TABLE IF NOT EXISTS strata.otel_traces_local ON CLUSTER shop
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
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10, map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic', index_granularity = 1024;

CREATE TABLE IF NOT EXISTS strata.otel_traces ON CLUSTER shop AS strata.otel_traces_local ENGINE = Distributed('shop', 'strata', 'otel_traces_local', rand());

CREATE TABLE IF NOT EXISTS strata.otel_traces_trace_id_ts_local ON CLUSTER shop
(
    TraceId String CODEC(ZSTD(1)),
    Start   DateTime CODEC(Delta(4), ZSTD(1)),
    End     DateTime CODEC(Delta(4), ZSTD(1)),
    Spans   UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.otel_traces_trace_id_ts ON CLUSTER shop AS strata.otel_traces_trace_id_ts_local ENGINE = Distributed('shop', 'strata', 'otel_traces_trace_id_ts_local', rand());

CREATE MATERIALIZED VIEW IF NOT EXISTS strata.otel_traces_trace_id_ts_mv ON CLUSTER shop TO strata.otel_traces_trace_id_ts_local AS
SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End, count() AS Spans
FROM strata.otel_traces_local
WHERE TraceId != ''
GROUP BY TraceId;

CREATE TABLE IF NOT EXISTS strata.strata_spans_1m_local ON CLUSTER shop
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
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Minute)
ORDER BY (ServiceName, SpanKind, Minute, Environment, SpanName, Root, TargetType, TargetSystem, Target)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.strata_spans_1m ON CLUSTER shop AS strata.strata_spans_1m_local ENGINE = Distributed('shop', 'strata', 'strata_spans_1m_local', rand());

CREATE MATERIALIZED VIEW IF NOT EXISTS strata.strata_spans_1m_mv ON CLUSTER shop TO strata.strata_spans_1m_local AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Minute, ServiceName, Environment, SpanName, SpanKind,
    ParentSpanId = '' AS Root, TargetType, TargetSystem, Target,
    count() AS Spans, countIf(StatusCode = 'Error') AS Errors, sum(Duration) AS DurationSum, anyLast(toString(SdkLanguage)) AS Language, max(Timestamp) AS LastSeen,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration)) AS Durations
FROM strata.otel_traces_local
GROUP BY Minute, ServiceName, Environment, SpanName, SpanKind, Root, TargetType, TargetSystem, Target;

ALTER TABLE strata.otel_logs_local ON CLUSTER shop ADD INDEX IF NOT EXISTS idx_words if(isValidASCII(Body) AND position(Body, '\x1b') = 0, lower(Body), lower(replaceRegexpAll(Body, '\x1b\\[[0-9;:]*[A-Za-z]|[^\\x00-\\x7F]+', ' '))) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1;

ALTER TABLE strata.otel_logs_local ON CLUSTER shop DROP INDEX IF EXISTS idx_body SETTINGS mutations_sync = 0;

ALTER TABLE strata.otel_traces_local ON CLUSTER shop ADD COLUMN IF NOT EXISTS ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS Flags UInt32 CODEC(ZSTD(1));

ALTER TABLE strata.otel_traces ON CLUSTER shop ADD COLUMN IF NOT EXISTS ScopeAttributes Map(LowCardinality(String), String), ADD COLUMN IF NOT EXISTS ResourceSchemaUrl LowCardinality(String), ADD COLUMN IF NOT EXISTS ScopeSchemaUrl LowCardinality(String), ADD COLUMN IF NOT EXISTS Flags UInt32;

ALTER TABLE strata.otel_traces_local ON CLUSTER shop ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1));

ALTER TABLE strata.otel_traces ON CLUSTER shop ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String);

ALTER TABLE strata.otel_traces_local ON CLUSTER shop ADD INDEX IF NOT EXISTS idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE strata.otel_logs_local ON CLUSTER shop ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1));

ALTER TABLE strata.otel_logs ON CLUSTER shop ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String);

ALTER TABLE strata.otel_logs_local ON CLUSTER shop ADD INDEX IF NOT EXISTS idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1;

DROP VIEW IF EXISTS strata.otel_traces_trace_id_ts_mv ON CLUSTER shop;

DROP VIEW IF EXISTS strata.strata_spans_1m_mv ON CLUSTER shop;

DROP TABLE IF EXISTS strata.otel_logs_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_logs_rebuilt ON CLUSTER shop SYNC;

CREATE TABLE strata.otel_logs_rebuilt_local ON CLUSTER shop
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
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(TimestampTime)
ORDER BY (TenantId, ServiceName, TimestampTime, Timestamp)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10, map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic';

CREATE TABLE IF NOT EXISTS strata.otel_logs_rebuilt ON CLUSTER shop AS strata.otel_logs_rebuilt_local ENGINE = Distributed('shop', 'strata', 'otel_logs_rebuilt_local', rand());

EXCHANGE TABLES strata.otel_logs_local AND strata.otel_logs_rebuilt_local ON CLUSTER shop;

DROP TABLE IF EXISTS strata.otel_logs_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_logs_rebuilt ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_logs ON CLUSTER shop SYNC;

CREATE TABLE IF NOT EXISTS strata.otel_logs ON CLUSTER shop AS strata.otel_logs_local ENGINE = Distributed('shop', 'strata', 'otel_logs_local', rand());

DROP TABLE IF EXISTS strata.otel_traces_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces_rebuilt ON CLUSTER shop SYNC;

CREATE TABLE strata.otel_traces_rebuilt_local ON CLUSTER shop
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
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Timestamp)
ORDER BY (TenantId, ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10, map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic', index_granularity = 1024;

CREATE TABLE IF NOT EXISTS strata.otel_traces_rebuilt ON CLUSTER shop AS strata.otel_traces_rebuilt_local ENGINE = Distributed('shop', 'strata', 'otel_traces_rebuilt_local', rand());

EXCHANGE TABLES strata.otel_traces_local AND strata.otel_traces_rebuilt_local ON CLUSTER shop;

DROP TABLE IF EXISTS strata.otel_traces_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces_rebuilt ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces ON CLUSTER shop SYNC;

CREATE TABLE IF NOT EXISTS strata.otel_traces ON CLUSTER shop AS strata.otel_traces_local ENGINE = Distributed('shop', 'strata', 'otel_traces_local', rand());

DROP TABLE IF EXISTS strata.otel_traces_trace_id_ts_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces_trace_id_ts_rebuilt ON CLUSTER shop SYNC;

CREATE TABLE strata.otel_traces_trace_id_ts_rebuilt_local ON CLUSTER shop
(
    TenantId LowCardinality(String) DEFAULT 'default' CODEC(ZSTD(1)),
    TraceId  String CODEC(ZSTD(1)),
    Start    DateTime CODEC(Delta(4), ZSTD(1)),
    End      DateTime CODEC(Delta(4), ZSTD(1)),
    Spans    UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Start)
ORDER BY (TenantId, TraceId, Start)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.otel_traces_trace_id_ts_rebuilt ON CLUSTER shop AS strata.otel_traces_trace_id_ts_rebuilt_local ENGINE = Distributed('shop', 'strata', 'otel_traces_trace_id_ts_rebuilt_local', rand());

EXCHANGE TABLES strata.otel_traces_trace_id_ts_local AND strata.otel_traces_trace_id_ts_rebuilt_local ON CLUSTER shop;

DROP TABLE IF EXISTS strata.otel_traces_trace_id_ts_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces_trace_id_ts_rebuilt ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.otel_traces_trace_id_ts ON CLUSTER shop SYNC;

CREATE TABLE IF NOT EXISTS strata.otel_traces_trace_id_ts ON CLUSTER shop AS strata.otel_traces_trace_id_ts_local ENGINE = Distributed('shop', 'strata', 'otel_traces_trace_id_ts_local', rand());

DROP TABLE IF EXISTS strata.strata_spans_1m_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.strata_spans_1m_rebuilt ON CLUSTER shop SYNC;

CREATE TABLE strata.strata_spans_1m_rebuilt_local ON CLUSTER shop
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
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(Minute)
ORDER BY (TenantId, ServiceName, SpanKind, Minute, Environment, SpanName, Root, TargetType, TargetSystem, Target)
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.strata_spans_1m_rebuilt ON CLUSTER shop AS strata.strata_spans_1m_rebuilt_local ENGINE = Distributed('shop', 'strata', 'strata_spans_1m_rebuilt_local', rand());

EXCHANGE TABLES strata.strata_spans_1m_local AND strata.strata_spans_1m_rebuilt_local ON CLUSTER shop;

DROP TABLE IF EXISTS strata.strata_spans_1m_rebuilt_local ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.strata_spans_1m_rebuilt ON CLUSTER shop SYNC;

DROP TABLE IF EXISTS strata.strata_spans_1m ON CLUSTER shop SYNC;

CREATE TABLE IF NOT EXISTS strata.strata_spans_1m ON CLUSTER shop AS strata.strata_spans_1m_local ENGINE = Distributed('shop', 'strata', 'strata_spans_1m_local', rand());

CREATE MATERIALIZED VIEW IF NOT EXISTS strata.otel_traces_trace_id_ts_mv ON CLUSTER shop TO strata.otel_traces_trace_id_ts_local AS
SELECT TenantId, TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End, count() AS Spans
FROM strata.otel_traces_local
WHERE TraceId != ''
GROUP BY TenantId, TraceId;

CREATE MATERIALIZED VIEW IF NOT EXISTS strata.strata_spans_1m_mv ON CLUSTER shop TO strata.strata_spans_1m_local AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Minute, TenantId, ServiceName, Environment, SpanName, SpanKind,
    ParentSpanId = '' AS Root, TargetType, TargetSystem, Target,
    count() AS Spans, countIf(StatusCode = 'Error') AS Errors, sum(Duration) AS DurationSum, anyLast(toString(SdkLanguage)) AS Language, max(Timestamp) AS LastSeen,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration)) AS Durations
FROM strata.otel_traces_local
GROUP BY TenantId, Minute, ServiceName, Environment, SpanName, SpanKind, Root, TargetType, TargetSystem, Target;

ALTER TABLE strata.otel_logs_local ON CLUSTER shop MODIFY COLUMN Body CODEC(ZSTD(3)), MODIFY COLUMN LogAttributes CODEC(ZSTD(3)), MODIFY COLUMN ResourceAttributes CODEC(ZSTD(3)), MODIFY COLUMN NestedAttributes CODEC(ZSTD(3));

ALTER TABLE strata.otel_traces_local ON CLUSTER shop MODIFY COLUMN SpanAttributes CODEC(ZSTD(3)), MODIFY COLUMN ResourceAttributes CODEC(ZSTD(3)), MODIFY COLUMN NestedAttributes CODEC(ZSTD(3)), MODIFY COLUMN StatusMessage CODEC(ZSTD(3));

ALTER TABLE strata.otel_logs_local ON CLUSTER shop ADD INDEX IF NOT EXISTS idx_resource_value mapValues(ResourceAttributes) TYPE bloom_filter(0.001) GRANULARITY 1;

ALTER TABLE strata.otel_traces_local ON CLUSTER shop ADD INDEX IF NOT EXISTS idx_resource_value mapValues(ResourceAttributes) TYPE bloom_filter(0.001) GRANULARITY 1;

CREATE TABLE IF NOT EXISTS strata.strata_rollups_local ON CLUSTER shop
(
    TenantId  LowCardinality(String) CODEC(ZSTD(1)),
    State     LowCardinality(String) CODEC(ZSTD(1)),
    Step      UInt32 CODEC(ZSTD(1)),
    Value0    LowCardinality(String) CODEC(ZSTD(1)),
    Value1    LowCardinality(String) CODEC(ZSTD(1)),
    Value2    LowCardinality(String) CODEC(ZSTD(1)),
    Value3    LowCardinality(String) CODEC(ZSTD(1)),
    Value4    LowCardinality(String) CODEC(ZSTD(1)),
    Folded    UInt8 CODEC(ZSTD(1)),
    Time      DateTime CODEC(Delta(4), ZSTD(1)),
    Expires   DateTime CODEC(Delta(4), ZSTD(1)),
    Count     SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    Counts    SimpleAggregateFunction(sumMap, Map(UInt8, UInt64)) CODEC(T64, ZSTD(1)),
    Sums      SimpleAggregateFunction(sumMap, Map(UInt8, Float64)) CODEC(LZ4),
    Minima    SimpleAggregateFunction(minMap, Map(UInt8, Float64)) CODEC(LZ4),
    Maxima    SimpleAggregateFunction(maxMap, Map(UInt8, Float64)) CODEC(LZ4),
    Lasts     SimpleAggregateFunction(maxMap, Map(UInt8, UInt128)) CODEC(ZSTD(1)),
    Sketches  SimpleAggregateFunction(sumMap, Map(Int64, UInt64)) CODEC(T64, ZSTD(1)),
    Registers SimpleAggregateFunction(maxMap, Map(UInt32, UInt8)) CODEC(Delta(4), ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY multiIf(toInt64(Expires) - toInt64(Time) > 25920000, toStartOfMonth(Expires), toInt64(Expires) - toInt64(Time) > 6048000, toMonday(Expires), toDate(Expires))
ORDER BY (TenantId, State, Step, Value0, Value1, Value2, Value3, Value4, Folded, Time, Expires)
TTL Expires
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.strata_rollups ON CLUSTER shop AS strata.strata_rollups_local ENGINE = Distributed('shop', 'strata', 'strata_rollups_local', rand());

CREATE TABLE IF NOT EXISTS strata.strata_rollups_hidden_local ON CLUSTER shop
(
    TenantId  LowCardinality(String) CODEC(ZSTD(1)),
    State     LowCardinality(String) CODEC(ZSTD(1)),
    Dimension UInt8 CODEC(ZSTD(1)),
    Time      DateTime CODEC(Delta(4), ZSTD(1)),
    Expires   DateTime CODEC(Delta(4), ZSTD(1)),
    Registers SimpleAggregateFunction(maxMap, Map(UInt16, UInt8)) CODEC(Delta(2), ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY multiIf(toInt64(Expires) - toInt64(Time) > 25920000, toStartOfMonth(Expires), toInt64(Expires) - toInt64(Time) > 6048000, toMonday(Expires), toDate(Expires))
ORDER BY (TenantId, State, Dimension, Time, Expires)
TTL Expires
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10;

CREATE TABLE IF NOT EXISTS strata.strata_rollups_hidden ON CLUSTER shop AS strata.strata_rollups_hidden_local ENGINE = Distributed('shop', 'strata', 'strata_rollups_hidden_local', rand());

ALTER TABLE strata.otel_logs_local ON CLUSTER shop MODIFY TTL TimestampTime + toIntervalSecond(2592000) SETTINGS materialize_ttl_after_modify = 0;

ALTER TABLE strata.otel_traces_local ON CLUSTER shop MODIFY TTL toDateTime(Timestamp) + toIntervalSecond(1296000) SETTINGS materialize_ttl_after_modify = 0;

ALTER TABLE strata.otel_traces_trace_id_ts_local ON CLUSTER shop MODIFY TTL Start + toIntervalSecond(1296000) SETTINGS materialize_ttl_after_modify = 0;

ALTER TABLE strata.strata_spans_1m_local ON CLUSTER shop MODIFY TTL Minute + toIntervalSecond(7776000) SETTINGS materialize_ttl_after_modify = 0;
