-- Words beside letters beyond ASCII and behind colour codes: for the old index a run of letters of several scripts was one word. Parts
-- that are there already are read whole until they are merged or their index is made (ALTER TABLE … MATERIALIZE INDEX idx_words).
ALTER TABLE {db}.otel_logs{local}{on_cluster} ADD INDEX IF NOT EXISTS idx_words if(isValidASCII(Body) AND position(Body, '\x1b') = 0, lower(Body), lower(replaceRegexpAll(Body, '\x1b\\[[0-9;:]*[A-Za-z]|[^\\x00-\\x7F]+', ' '))) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1;
ALTER TABLE {db}.otel_logs{local}{on_cluster} DROP INDEX IF EXISTS idx_body SETTINGS mutations_sync = 0;
