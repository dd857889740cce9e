#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the peers and the sender, measures bin/strata and bin/strata-agent, prints one table and writes bench/results.json. Arguments go to strata-bench.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bin
# Without service discovery the peer builds in a fraction of the time; it is not used here.
(cd bench/peer && go build -trimpath -ldflags '-s -w' -tags remove_all_sd -o ../../bin/prometheus github.com/prometheus/prometheus/cmd/prometheus)
go build -trimpath -o bin/strata-bench ./bench/strata-bench
(cd bench/otelcol && go build -trimpath -ldflags '-s -w' -o ../../bin/otelcol .)
# Debian's node exporter is unpacked, not installed: the package would start it.
[ -x bin/prometheus-node-exporter ] || (
	mkdir -p bin/deb && cd bin/deb && { apt-get download -qq prometheus-node-exporter || { apt-get update -qq && apt-get download -qq prometheus-node-exporter; }; } &&
		dpkg -x prometheus-node-exporter_*.deb . && mv usr/bin/prometheus-node-exporter .. && rm -rf ../deb
)
exec bin/strata-bench -strata "${BENCH_STRATA:-bin/strata}" -prometheus bin/prometheus -out bench/results.json "$@"
