#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
set -e
if ! id strata-agent >/dev/null 2>&1; then
	useradd --system --user-group --no-create-home --home-dir /var/lib/strata-agent --shell /usr/sbin/nologin strata-agent
fi
[ -e /etc/strata-agent/key ] || install -m 0600 -o strata-agent -g strata-agent /dev/null /etc/strata-agent/key
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if systemctl is-active --quiet strata-agent; then
		systemctl restart strata-agent
	else
		echo "strata-agent: name the server in /etc/strata-agent/agent.yaml, put the key into /etc/strata-agent/key, then: systemctl enable --now strata-agent"
	fi
fi
