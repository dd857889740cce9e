#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the peer and the sender, measures bin/strata, prints one table and writes bench/results.json. Arguments go to strata-bench.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bin
# Without service discovery the peer builds in a fraction of the time; it is not used here.
(cd bench/peer && go build -trimpath -ldflags '-s -w' -tags remove_all_sd -o ../../bin/prometheus github.com/prometheus/prometheus/cmd/prometheus)
go build -trimpath -o bin/strata-bench ./bench/strata-bench
exec bin/strata-bench -strata "${BENCH_STRATA:-bin/strata}" -prometheus bin/prometheus -out bench/results.json "$@"
