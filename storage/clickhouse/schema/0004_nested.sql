-- What a span's sender says beside the span: its scope's attributes, the schemas, the flags. Log records have had these columns before.
ALTER TABLE {db}.otel_traces{local}{on_cluster} ADD COLUMN IF NOT EXISTS ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS Flags UInt32 CODEC(ZSTD(1));
{in_cluster} ALTER TABLE {db}.otel_traces{on_cluster} ADD COLUMN IF NOT EXISTS ScopeAttributes Map(LowCardinality(String), String), ADD COLUMN IF NOT EXISTS ResourceSchemaUrl LowCardinality(String), ADD COLUMN IF NOT EXISTS ScopeSchemaUrl LowCardinality(String), ADD COLUMN IF NOT EXISTS Flags UInt32;

-- What is within attributes that are maps, by path: attr.KEY.KEY… of the record, resource.KEY.KEY… of its resource. Nearly always empty.
ALTER TABLE {db}.otel_traces{local}{on_cluster} ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1));
{in_cluster} ALTER TABLE {db}.otel_traces{on_cluster} ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String);
ALTER TABLE {db}.otel_traces{local}{on_cluster} ADD INDEX IF NOT EXISTS idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE {db}.otel_logs{local}{on_cluster} ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1));
{in_cluster} ALTER TABLE {db}.otel_logs{on_cluster} ADD COLUMN IF NOT EXISTS NestedAttributes Map(LowCardinality(String), String);
ALTER TABLE {db}.otel_logs{local}{on_cluster} ADD INDEX IF NOT EXISTS idx_nested_value mapValues(NestedAttributes) TYPE bloom_filter(0.01) GRANULARITY 1;
