#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dpkg keeps configuration and state until `apt purge`; rpm knows no purge and keeps them.
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
if [ "${1:-}" = purge ]; then
	rm -rf /etc/strata-agent /var/lib/strata-agent
	if id strata-agent >/dev/null 2>&1; then userdel strata-agent; fi
fi
