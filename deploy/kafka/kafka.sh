#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A local Apache Kafka (KRaft, no ZooKeeper) of one or three brokers on loopback, for development and for the tests.
# It is no way to run production: small heaps, everything on one machine, a well-known password.
#
#   kafka.sh fetch                                          download the jars once (Maven)
#   kafka.sh start  [--brokers 1|3] [--dir D] [--port P] [--sasl] [--tls]   start what does not run; wait until it is ready
#   kafka.sh stop   [--dir D]                               stop all brokers; the storage stays
#   kafka.sh status [--dir D]                               one line per broker; fails when one is down
#   kafka.sh start-broker N [--dir D]                       start broker N again on its storage
#   kafka.sh stop-broker N  [--dir D]                       SIGTERM: leadership moves away first
#   kafka.sh kill-broker N  [--dir D]                       SIGKILL
#   kafka.sh pause-broker N | resume-broker N [--dir D]     SIGSTOP, SIGCONT
#
# Ports from P on: P..P+2 clients, P+3..P+5 controllers, P+6..P+8 SASL (PLAIN, SCRAM), P+9..P+11 TLS with client certificates.
# STRATA_KAFKA_JAVA_OPTS are further options for the brokers' Java: -XX:TieredStopAtLevel=1 halves the work of a start.
# STRATA_KAFKA_OWNER is a process id: the brokers end when that process does.
# D keeps broker-N.properties, broker-N.pid, broker-N.log, data-N and, with --tls, tls/{ca,client,server}.pem and tls/client.key.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
cache=${STRATA_KAFKA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/strata/kafka}/$version
user=strata
password=strata-local
ready_seconds=120
read -r -a java_opts <<<"${STRATA_KAFKA_JAVA_OPTS:-}"

die() {
  echo "kafka.sh: $*" >&2
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "$1 is missing: install $2"
}

usage() {
  sed -n '4,/^set /p' "${BASH_SOURCE[0]}" | sed -e '/^set /d' -e 's/^# \{0,1\}//' >&2
  exit 2
}

# fetch puts the jars into the cache. Two callers at once are kept apart by a lock; a half-done fetch is never used.
fetch() {
  [[ -e $cache/.complete ]] && return
  need java "a Java 17 runtime (Debian: default-jre-headless)"
  need mvn "Maven (Debian: maven)"
  need flock "util-linux"
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
  [[ -e $cache/.complete ]] && return
  echo "fetching Apache Kafka $version" >&2
  mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$cache" >&2 || die "Maven could not fetch Apache Kafka $version"
  touch "$cache/.complete"
  exec 9>&-
}

# run_java replaces the shell that calls it, so that the pid of a background call is Java's own.
run_java() {
  exec java -Xms64m -Xmx256m -Xss512k -XX:+UseSerialGC -XX:-UsePerfData -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$cache/*" "$@"
}

alive() {
  local pid
  [[ -s $dir/broker-$1.pid ]] && pid=$(<"$dir/broker-$1.pid") && kill -0 "$pid" 2>/dev/null &&
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "broker-$1.properties"
}

signal() {
  alive "$2" || die "broker $2 is not running"
  kill -s "$1" "$(<"$dir/broker-$2.pid")"
}

await_exit() {
  for _ in $(seq 300); do
    alive "$1" || return 0
    sleep 0.1
  done
  die "broker $1 does not stop"
}

# certificates makes a CA, a server certificate for loopback and a client certificate, all for ten years.
certificates() {
  local d=$dir/tls name
  [[ -e $d/server.pem ]] && return
  need openssl openssl
  mkdir -p "$d"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=strata-local-ca -keyout "$d/ca.key" -out "$d/ca.pem" 2>/dev/null
  for name in client server; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$d/$name.key" -out "$d/$name.csr" 2>/dev/null
    openssl x509 -req -in "$d/$name.csr" -CA "$d/ca.pem" -CAkey "$d/ca.key" -CAcreateserial -days 3650 -out "$d/$name.crt" \
      -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") 2>/dev/null
  done
  cp "$d/client.crt" "$d/client.pem"
  cat "$d/server.key" "$d/server.crt" >"$d/server.pem"
}

# properties N BROKERS writes the configuration of one broker.
properties() {
  local n=$1 count=$2 i voters="" copies insync listeners file
  copies=$((count > 1 ? 3 : 1)) insync=$((count > 1 ? 2 : 1))
  listeners="PLAINTEXT://127.0.0.1:$((port + n - 1))" file=$dir/broker-$n.properties
  [[ $sasl ]] && listeners+=",SASL_PLAINTEXT://127.0.0.1:$((port + 6 + n - 1))"
  [[ $tls ]] && listeners+=",SSL://127.0.0.1:$((port + 9 + n - 1))"
  for ((i = 1; i <= count; i++)); do voters+="${voters:+,}$i@127.0.0.1:$((port + 3 + i - 1))"; done
  cat >"$file" <<EOF
process.roles=broker,controller
node.id=$n
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=$listeners,CONTROLLER://127.0.0.1:$((port + 3 + n - 1))
advertised.listeners=$listeners
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL
log.dirs=$dir/data-$n
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$insync
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$insync
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$insync
# A dead broker is noticed in three seconds instead of nine, a group needs not wait for its first members.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
EOF
  if [[ $sasl ]]; then
    cat >>"$file" <<EOF
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_$user="$password";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
EOF
  fi
  if [[ $tls ]]; then
    cat >>"$file" <<EOF
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.ssl.ssl.client.auth=required
EOF
  fi
}

format_storage() {
  local n=$1 scram=()
  [[ -e $dir/data-$n/meta.properties ]] && return
  [[ $sasl ]] && scram=(--add-scram "SCRAM-SHA-256=[name=$user,password=$password]" --add-scram "SCRAM-SHA-512=[name=$user,password=$password]")
  (run_java -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format -t "$(<"$dir/cluster-id")" -c "$dir/broker-$n.properties" "${scram[@]}") \
    >"$dir/format-$n.log" 2>&1 || die "storage of broker $n not formatted, see $dir/format-$n.log"
}

launch() {
  local n=$1
  [[ -e $dir/broker-$n.properties ]] || die "no broker $n in $dir: run start first"
  alive "$n" && die "broker $n is running already"
  : >"$dir/broker-$n.log"
  run_java "${java_opts[@]}" kafka.Kafka "$dir/broker-$n.properties" >"$dir/broker-$n.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid" >"$dir/broker-$n.pid"
  disown
  [[ ! ${STRATA_KAFKA_OWNER:-} ]] || watch_owner "$pid" "$STRATA_KAFKA_OWNER"
}

# watch_owner ends the process of a broker soon after the process that wanted it has gone, as after a test that ran out of time. It knows
# the broker by its process, not by its number: the next process of that number has a watcher of its own.
watch_owner() {
  (
    while kill -0 "$1" 2>/dev/null; do
      kill -0 "$2" 2>/dev/null || kill -KILL "$1"
      sleep 1
    done
  ) </dev/null >/dev/null 2>&1 &
  disown
}

# await_ready waits until the broker has registered and takes requests. Its process need not be Java yet: on a busy machine it takes a
# moment from the fork to that.
await_ready() {
  for _ in $(seq $((ready_seconds * 10))); do
    grep -q "Kafka Server started" "$dir/broker-$1.log" && return 0
    kill -0 "$(<"$dir/broker-$1.pid")" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 15 "$dir/broker-$1.log" >&2
  die "broker $1 did not start, see $dir/broker-$1.log"
}

brokers_of() {
  local f
  for f in "$dir"/broker-*.properties; do
    [[ -e $f ]] || die "no brokers in $dir"
    f=${f##*/broker-}
    echo "${f%.properties}"
  done
}

addresses() {
  local n offset=$1 list=""
  for n in $(brokers_of); do list+="${list:+,}127.0.0.1:$((port + offset + n - 1))"; done
  echo "$list"
}

start() {
  local n
  fetch
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [[ ! -e $dir/cluster-id ]]; then
    echo "S$(head -c 32 /dev/urandom | base64 | tr -d '+/=\n' | head -c 20)A" >"$dir/cluster-id"
  fi
  [[ $tls ]] && certificates
  for ((n = 1; n <= brokers; n++)); do properties "$n" "$brokers"; done
  for ((n = 1; n <= brokers; n++)); do format_storage "$n" & done
  for ((n = 1; n <= brokers; n++)); do wait -n || exit 1; done
  for ((n = 1; n <= brokers; n++)); do alive "$n" || launch "$n"; done
  for ((n = 1; n <= brokers; n++)); do await_ready "$n"; done
  echo "bootstrap=$(addresses 0)"
  [[ ! $sasl ]] || echo "sasl=$(addresses 6) user=$user password=$password"
  [[ ! $tls ]] || echo "tls=$(addresses 9) files=$dir/tls"
}

stop() {
  local n
  for n in $(brokers_of); do
    # A stopped cluster loses its quorum on the way; the last broker would wait for it, so it is not asked twice.
    if alive "$n"; then signal CONT "$n" && signal TERM "$n"; fi
  done
  for n in $(brokers_of); do
    for _ in $(seq 50); do
      alive "$n" || break
      sleep 0.1
    done
    if alive "$n"; then signal KILL "$n"; fi
    await_exit "$n"
    rm -f "$dir/broker-$n.pid"
  done
}

status() {
  local n down=0
  for n in $(brokers_of); do
    if alive "$n"; then echo "broker $n: running, pid $(<"$dir/broker-$n.pid")"; else
      echo "broker $n: down"
      down=1
    fi
  done
  return $down
}

[[ $# -gt 0 ]] || usage
action=$1
shift
number=""
if [[ $action == *-broker ]]; then
  [[ ${1:-} =~ ^[1-3]$ ]] || die "$action needs the number of a broker"
  number=$1
  shift
fi
brokers=1 dir=./data/kafka port=9092 sasl="" tls=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --brokers) brokers=${2:?} && shift ;;
    --dir) dir=${2:?} && shift ;;
    --port) port=${2:?} && shift ;;
    --sasl) sasl=1 ;;
    --tls) tls=1 ;;
    *) usage ;;
  esac
  shift
done
[[ $brokers == 1 || $brokers == 3 ]] || die "--brokers is 1 or 3"

case $action in
  fetch) fetch ;;
  start) start ;;
  stop) stop ;;
  status) status ;;
  start-broker) fetch && launch "$number" && await_ready "$number" ;;
  stop-broker) signal TERM "$number" && await_exit "$number" ;;
  kill-broker) signal KILL "$number" && await_exit "$number" ;;
  pause-broker) signal STOP "$number" ;;
  resume-broker) signal CONT "$number" ;;
  *) usage ;;
esac
