#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh with demo traffic and Vite's development server, which reloads the page on every change.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
"$bin/../deploy/local/run.sh" "$bin" &
run=$!
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
until curl -fs http://127.0.0.1:7080/-/ready >/dev/null; do
	kill -0 "$run" || exit 1
	sleep 0.5
done
"$bin/strata" demo >/dev/null &
cd "$here/../../web/ui" && npm run dev
