#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the peers and the sender, measures bin/strata and bin/strata-agent, prints one table and writes bench/results.json. A peer that cannot be built is left out.
# Arguments go to strata-bench.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bin

# peer FLAG PROGRAM MODULE PACKAGE [BUILD-FLAG...] builds bin/PROGRAM from bench/MODULE and adds -FLAG to the sender's arguments.
peers=
peer() {
	flag=$1 program=$2 module=$3 package=$4
	shift 4
	if (cd "bench/$module" && go build -trimpath -ldflags '-s -w' "$@" -o "../../bin/$program" "$package"); then
		peers="$peers -$flag=bin/$program"
	else
		echo "run.sh: $program cannot be built and is left out" >&2
		peers="$peers -$flag="
	fi
}
# Without service discovery Prometheus builds in a fraction of the time; it is not used here.
peer prometheus prometheus peer github.com/prometheus/prometheus/cmd/prometheus -tags remove_all_sd
peer victoria-metrics victoria-metrics peer-victoria github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics
peer victoria-logs victoria-logs peer-victoria github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs
peer jaeger jaeger peer-jaeger github.com/jaegertracing/jaeger/cmd/all-in-one
peer collector otelcol otelcol .

# Debian's node exporter is unpacked, not installed: the package would start it.
node_exporter() (
	mkdir -p bin/deb && cd bin/deb && { apt-get download -qq prometheus-node-exporter || { apt-get update -qq && apt-get download -qq prometheus-node-exporter; }; } &&
		dpkg -x prometheus-node-exporter_*.deb . && mv usr/bin/prometheus-node-exporter .. && rm -rf ../deb
)
[ -x bin/prometheus-node-exporter ] || node_exporter || {
	echo "run.sh: the node exporter cannot be fetched and is left out" >&2
	peers="$peers -node-exporter="
}

go build -trimpath -o bin/strata-bench ./bench/strata-bench
# shellcheck disable=SC2086 # One word for each peer.
exec bin/strata-bench -strata "${BENCH_STRATA:-bin/strata}" $peers -out bench/results.json "$@"
