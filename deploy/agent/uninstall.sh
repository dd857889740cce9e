#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Removes what install.sh installed: sudo sh /usr/local/lib/strata-agent/uninstall.sh [--keep-data]
set -eu

root=
keep=no

die() {
	printf '%s\n' "strata-agent: $*" >&2
	exit 1
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--keep-data) keep=yes ;;
		--root)
			[ $# -ge 2 ] || die "--root needs a value"
			root=${2%/}
			shift
			;;
		-h | --help)
			printf '%s\n' "Usage: uninstall.sh [--keep-data] [--root DIR]" "  --keep-data  keep /etc/strata-agent, /var/lib/strata-agent and the user"
			exit 0
			;;
		*) die "unknown option $1" ;;
		esac
		shift
	done
	if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then die "run it as root"; fi
	if [ -z "$root" ] && [ -d /run/systemd/system ]; then
		systemctl disable --quiet --now strata-agent.service 2>/dev/null || true
	fi
	rm -f "$root/etc/systemd/system/strata-agent.service" "$root/etc/systemd/system/multi-user.target.wants/strata-agent.service"
	rm -f "$root/usr/local/bin/strata-agent"
	rm -rf "$root/usr/local/lib/strata-agent"
	if [ "$keep" = no ]; then
		rm -rf "$root/etc/strata-agent" "$root/var/lib/strata-agent"
	fi
	if [ -z "$root" ]; then
		if [ "$keep" = no ] && id strata-agent >/dev/null 2>&1; then
			if command -v userdel >/dev/null 2>&1; then userdel strata-agent; else deluser strata-agent; fi
			if grep -q '^strata-agent:' /etc/group; then
				if command -v groupdel >/dev/null 2>&1; then groupdel strata-agent; else delgroup strata-agent; fi
			fi
		fi
		if [ -d /run/systemd/system ]; then
			systemctl daemon-reload
			systemctl reset-failed strata-agent.service 2>/dev/null || true
		fi
	fi
	printf '%s\n' "strata-agent: removed"
}

main "$@"
