#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs, or upgrades, strata-agent on this host:
#
#   curl -fsSL http://SERVER:7080/install.sh | sudo sh -s -- --key KEY
#
# The server that hands this file out fills its own address in. Nothing runs before the last line, so a download that breaks off does nothing.
set -eu

server='@SERVER@'
endpoint='@ENDPOINT@'
key=${STRATA_KEY:-}
key_file=
root=
start=yes
wait_seconds=55
unset STRATA_KEY

usage() {
	cat <<'TXT'
Usage: install.sh [--key KEY | --key-file FILE] [--server URL] [--root DIR] [--no-start]

  --key KEY        the ingest key; better from the environment, STRATA_KEY, which other users cannot see
  --key-file FILE  a file with the key
  --server URL     the server to download from and to send to; default: the one this script came from
  --root DIR       install into this directory tree: no user, no service, nothing started
  --no-start       install the service, start it later
Running it again upgrades; /etc/strata-agent/agent.yaml is kept.
TXT
}

say() { printf '%s\n' "strata-agent: $*"; }
die() {
	printf '%s\n' "strata-agent: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--no-start) start=no ;;
		-h | --help)
			usage
			exit 0
			;;
		--key | --key-file | --server | --root)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--key) key=$2 key_shown=yes ;;
			--key-file) key_file=$2 ;;
			--server) server=${2%/} endpoint=${2%/} server_given=yes ;;
			--root) root=${2%/} ;;
			esac
			shift
			;;
		*)
			usage >&2
			die "unknown option $1"
			;;
		esac
		shift
	done
	case $server in
	http://?* | https://?*) ;;
	*) die "--server must be a URL, such as http://strata.example.com:7080" ;;
	esac
	case $server in
	*[!A-Za-z0-9._:/@%~+\[\]-]*) die "--server has characters that no address has" ;;
	esac
	if [ -n "$key_file" ]; then
		[ -r "$key_file" ] || die "cannot read $key_file"
		key=$(cat "$key_file")
	fi
	case $key in
	*[!A-Za-z0-9._~+/=-]*) die "the key has characters that no key has" ;;
	esac
}

# platform sets $platform, or says why there is none.
platform() {
	system=$(uname -s) machine=$(uname -m)
	case $machine in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) arch= ;;
	esac
	if [ "$system" = Darwin ] && [ -n "$arch" ]; then
		die "this script installs on Linux; for macOS there is the binary alone: $server/agent/darwin-$arch/strata-agent"
	fi
	if [ "$system" != Linux ] || [ -z "$arch" ]; then
		die "no agent for $system on $machine: this script installs on Linux, x86_64 or arm64"
	fi
	platform=linux-$arch
}

# download URL FILE. The proxy variables of the environment are honoured by both programs.
download() {
	if have curl; then
		curl -fsSL --connect-timeout 10 --retry 2 -o "$2" "$1"
	elif have wget; then
		wget -q -T 30 -O "$2" "$1"
	else
		die "needs curl or wget"
	fi
}

checksum() {
	if have sha256sum; then
		sha256sum "$1"
	elif have shasum; then
		shasum -a 256 "$1"
	elif have openssl; then
		openssl dgst -sha256 -r "$1"
	else
		die "needs sha256sum, shasum or openssl"
	fi | cut -d ' ' -f 1
}

# hide_key starts this script again without the key in its arguments, which every user of the host can read.
hide_key() {
	[ -n "${key_shown:-}" ] || return 0
	private=$(mktemp -d)
	trap 'rm -rf "$private"' EXIT INT TERM
	(umask 077 && printf '%s\n' "$key" >"$private/key")
	download "$server/install.sh" "$private/install.sh" || die "cannot download $server/install.sh"
	set -- --key-file "$private/key" --root "$root"
	[ -z "${server_given:-}" ] || set -- "$@" --server "$server"
	[ "$start" = yes ] || set -- "$@" --no-start
	sh "$private/install.sh" "$@"
	exit $?
}

fetch_binary() {
	bin=$root/usr/local/bin
	mkdir -p "$bin"
	new=$bin/.strata-agent.$$
	trap 'rm -f "$new" "$new.sha256"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	say "downloading for $platform from $server"
	download "$server/agent/$platform/strata-agent" "$new" || die "cannot download $server/agent/$platform/strata-agent; nothing was changed"
	download "$server/agent/$platform/strata-agent.sha256" "$new.sha256" || die "cannot download the checksum; nothing was changed"
	want=$(cut -d ' ' -f 1 <"$new.sha256")
	[ "$(checksum "$new")" = "$want" ] || die "the download does not match its checksum; nothing was changed"
	chmod 0755 "$new"
	version=$("$new" --version) || die "the downloaded agent does not run here; nothing was changed"
	rm -f "$new.sha256"
}

# in_place moves a file to its name whole: in_place NAME MODE <content.
in_place() {
	(umask 077 && cat >"$1.new")
	chmod "$2" "$1.new"
	mv -f "$1.new" "$1"
}

nologin() {
	for shell in /usr/sbin/nologin /sbin/nologin /bin/false; do
		[ -x "$shell" ] && printf '%s' "$shell" && return
	done
}

create_user() {
	if [ -n "$root" ] || id strata-agent >/dev/null 2>&1; then return; fi
	if have useradd; then
		useradd --system --user-group --no-create-home --home-dir /var/lib/strata-agent --shell "$(nologin)" strata-agent
	elif have adduser; then # BusyBox
		addgroup -S strata-agent
		adduser -S -D -H -h /var/lib/strata-agent -s "$(nologin)" -G strata-agent strata-agent
	else
		die "needs useradd or adduser"
	fi
}

own() { [ -n "$root" ] || chown "$@"; }

write_configuration() {
	etc=$root/etc/strata-agent
	state=$root/var/lib/strata-agent
	mkdir -p "$etc" "$state"
	chmod 0755 "$etc"
	chmod 0700 "$state"
	own -R strata-agent:strata-agent "$state"
	if [ -n "$key" ] || [ ! -e "$etc/key" ]; then
		printf '%s\n' "$key" | in_place "$etc/key" 0600
		own strata-agent:strata-agent "$etc/key"
	fi
	if [ ! -e "$etc/credentials.yaml" ]; then
		download "$server/agent/credentials.yaml" "$new.credentials" || die "cannot download $server/agent/credentials.yaml"
		in_place "$etc/credentials.yaml" 0600 <"$new.credentials"
		rm -f "$new.credentials"
	fi
	if [ -e "$etc/agent.yaml" ]; then
		grep -q "$endpoint" "$etc/agent.yaml" || say "kept $etc/agent.yaml, which does not name $endpoint"
		return
	fi
	download "$server/agent/agent.yaml" "$new.yaml" || die "cannot download $server/agent/agent.yaml"
	in_place "$etc/agent.yaml" 0644 <"$new.yaml"
	rm -f "$new.yaml"
}

install_service() {
	units=$root/etc/systemd/system
	mkdir -p "$units" "$root/usr/local/lib/strata-agent"
	download "$server/agent/strata-agent.service" "$new.unit" || die "cannot download $server/agent/strata-agent.service"
	in_place "$units/strata-agent.service" 0644 <"$new.unit"
	download "$server/uninstall.sh" "$new.unit" || die "cannot download $server/uninstall.sh"
	in_place "$root/usr/local/lib/strata-agent/uninstall.sh" 0755 <"$new.unit"
	rm -f "$new.unit"
}

by_hand="/usr/local/bin/strata-agent --config /etc/strata-agent/agent.yaml --state-dir /var/lib/strata-agent"

start_service() {
	if [ -n "$root" ]; then
		say "installed version $version into $root; start it there with: $by_hand"
		return
	fi
	if [ ! -d /run/systemd/system ]; then
		say "installed version $version. systemd does not run here; have your init system run, as strata-agent or root: $by_hand"
		return
	fi
	systemctl daemon-reload
	systemctl enable --quiet strata-agent.service
	if [ "$start" = no ]; then
		say "installed version $version; start it with: systemctl start strata-agent"
		return
	fi
	systemctl restart strata-agent.service || die "the service does not start: see journalctl -u strata-agent"
	say "started version $version, waiting for the first data at the server"
	"$root/usr/local/bin/strata-agent" --config "$etc/agent.yaml" --state-dir "$state" verify --server "$server" --timeout "${wait_seconds}s" || {
		systemctl --no-pager --lines 5 status strata-agent.service >&2 || true
		die "installed, but the server has no data of this host: see above, and journalctl -u strata-agent"
	}
	say "remove it with: sudo sh /usr/local/lib/strata-agent/uninstall.sh"
}

main() {
	options "$@"
	platform
	if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then die "run it as root: … | sudo sh -s -- --key KEY"; fi
	if [ -z "$root" ] && [ -e /usr/bin/strata-agent ]; then die "the package strata-agent is installed: upgrade or remove that"; fi
	hide_key
	fetch_binary
	create_user
	write_configuration
	install_service
	mv -f "$new" "$bin/strata-agent"
	start_service
}

main "$@"
