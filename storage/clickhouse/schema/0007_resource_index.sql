-- A bare key in a search may be one of the record or one of its resource: without an index on both, every record is read. A granule has the
-- values of a few resources, and many granules those of the same ones, which makes a false match one of thousands of them: hence the low rate.
-- Parts that are there already are read whole for it until they are merged or their index is made (ALTER TABLE … MATERIALIZE INDEX idx_resource_value).
ALTER TABLE {db}.otel_logs{local}{on_cluster} ADD INDEX IF NOT EXISTS idx_resource_value mapValues(ResourceAttributes) TYPE bloom_filter(0.001) GRANULARITY 1;
ALTER TABLE {db}.otel_traces{local}{on_cluster} ADD INDEX IF NOT EXISTS idx_resource_value mapValues(ResourceAttributes) TYPE bloom_filter(0.001) GRANULARITY 1;
