#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -e
case ${1:-} in
remove | 0) # dpkg | rpm: gone for good; an upgrade says something else.
	if [ -d /run/systemd/system ]; then systemctl disable --quiet --now strata-agent || true; fi
	;;
esac
