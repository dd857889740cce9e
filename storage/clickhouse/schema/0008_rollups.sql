-- The states of all rollups: one row is one combination of values in one bucket of one width. Rows of one key add up, which is what the
-- functions of the columns say. Maps are keyed by the number of the input, or by bucket of a sketch * 256 + input, or by register * 256 +
-- input. To read sketches is for the most part to unpack them: T64 makes that four times as fast, and the column smaller. The dimensions come
-- before the time, so that a batch is spread over the whole key and the history of one value lies together.
-- A row is in the partition of the day, week or month in which it expires, chosen so that it is kept for a tenth of its time too long at
-- most, or for a day: whole parts are dropped, and none is written again for that. The partition does not depend on the values. Rows of one
-- bucket that expire at different times stay rows of their own.
CREATE TABLE IF NOT EXISTS {db}.strata_rollups{local}{on_cluster}
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
ENGINE = {aggregating_merge_tree}
PARTITION BY multiIf(toInt64(Expires) - toInt64(Time) > 25920000, toStartOfMonth(Expires), toInt64(Expires) - toInt64(Time) > 6048000, toMonday(Expires), toDate(Expires))
ORDER BY (TenantId, State, Step, Value0, Value1, Value2, Value3, Value4, Folded, Time, Expires)
TTL Expires
SETTINGS {settings};
{distributed} strata_rollups;

-- Which values were folded, of every hour and dimension: one HyperLogLog each.
CREATE TABLE IF NOT EXISTS {db}.strata_rollups_hidden{local}{on_cluster}
(
    TenantId  LowCardinality(String) CODEC(ZSTD(1)),
    State     LowCardinality(String) CODEC(ZSTD(1)),
    Dimension UInt8 CODEC(ZSTD(1)),
    Time      DateTime CODEC(Delta(4), ZSTD(1)),
    Expires   DateTime CODEC(Delta(4), ZSTD(1)),
    Registers SimpleAggregateFunction(maxMap, Map(UInt16, UInt8)) CODEC(Delta(2), ZSTD(1))
)
ENGINE = {aggregating_merge_tree}
PARTITION BY multiIf(toInt64(Expires) - toInt64(Time) > 25920000, toStartOfMonth(Expires), toInt64(Expires) - toInt64(Time) > 6048000, toMonday(Expires), toDate(Expires))
ORDER BY (TenantId, State, Dimension, Time, Expires)
TTL Expires
SETTINGS {settings};
{distributed} strata_rollups_hidden;
