#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the server and an agent for this host, and stops both together. Data goes to ./data, or to $DATA.
set -euo pipefail
bin=$(cd "$1" && pwd)
data=${DATA:-data}
shift
mkdir -p "$data/server" "$data/agent"
data=$(cd "$data" && pwd)

"$bin/strata" all --data-dir "$data/server" "$@" &
server=$!
agent=
stop() {
	trap - EXIT INT TERM
	[ -n "$agent" ] && kill "$agent" 2>/dev/null && wait "$agent" 2>/dev/null || true
	kill "$server" 2>/dev/null || true
	wait "$server" || true
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

until [ -s "$data/server/run.json" ] && grep -q "\"pid\":$server," "$data/server/run.json"; do
	kill -0 "$server" 2>/dev/null || { wait "$server"; exit; }
	sleep 0.1
done
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$data/server/run.json"; }
printf 'server:\n  endpoint: %s\n' "$(field otlp_grpc)" >"$data/agent/agent.yaml"
"$bin/strata-agent" --config "$data/agent/agent.yaml" --state-dir "$data/agent" &
agent=$!

cat <<TXT

  Page        http://$(field http)
  OTLP        $(field otlp_grpc) (gRPC), http://$(field otlp_http) (HTTP)
  This host   http://$(field http)/hosts
  Sample data $bin/strata demo --endpoint $(field otlp_grpc)

TXT
wait -n "$server" "$agent"
