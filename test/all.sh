#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test of the product, of Go and of the page, and ends with what failed.
#
# The end-to-end tests wait more than they work: for servers to start, for alerts to become due, for a killed process to be missed. So all
# other tests run beside them, with the processor time that they leave.
set -umo pipefail # m: the tests in the background are a process group, to be ended as a whole.
cd "$(dirname "$0")/.." || exit 1

go=${GO:-go}
race=${RACE_PKGS:?names the packages that run under the race detector}
logs=$(mktemp -d)
units=
trap '[ -z "$units" ] || kill -- -"$units"; rm -rf "$logs"' EXIT

# Both would compile the same packages at once.
"$go" vet ./... && "$go" vet -tags kubernetes ./collector/scrape || exit 1

{
	rc=0
	(cd web/ui && nice -n 19 npm run check && nice -n 19 npm test) || rc=1
	# shellcheck disable=SC2046 # A list of packages.
	nice -n 19 "$go" test -timeout 40m $("$go" list ./... | grep -v '/test/e2e') || rc=1
	nice -n 19 "$go" test -tags kubernetes -run Kubernetes ./collector/scrape || rc=1
	# shellcheck disable=SC2086 # A list of packages.
	nice -n 19 "$go" test -race -short -timeout 40m $race || rc=1
	exit $rc
} >"$logs/units" 2>&1 &
units=$!

"$go" test -timeout 40m -parallel 3 ./test/e2e/... 2>&1 | tee "$logs/e2e"
e2e=${PIPESTATUS[0]}
wait "$units"
rc=$?
units=
cat "$logs/units"
if [ "$e2e" -ne 0 ] || [ "$rc" -ne 0 ]; then
	echo
	echo "What failed:"
	grep -hE '^(--- FAIL|    --- FAIL|FAIL|panic:|WARNING: DATA RACE|# )|error TS|^ *(×|FAIL) ' "$logs/e2e" "$logs/units"
	exit 1
fi
echo "All tests passed."
