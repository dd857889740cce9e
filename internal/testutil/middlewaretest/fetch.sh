#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fetches a server that Debian does not have from Maven Central, once, and prints where it is.
#
#   fetch.sh elasticsearch|opensearch
#
# Elasticsearch is its own distribution without the modules that the tests do not need, with which it takes twice as long to start.
# Of OpenSearch only the jars are there: they are laid out as the distribution has them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dependency=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

die() {
  echo "fetch.sh: $*" >&2
  exit 1
}

maven() {
  command -v mvn >/dev/null || die "mvn is missing: install Maven (Debian: maven)"
  mvn -q -B -f "$dir/pom.xml" "$@" >&2 || die "Maven could not fetch $name $version"
}

fetch_elasticsearch() {
  local m=elasticsearch-$version/modules
  maven "$dependency:unpack" -Dartifact="org.elasticsearch.distribution.zip:elasticsearch:$version:zip" -DoutputDirectory="$dir" \
    -Dmdep.unpack.includes="elasticsearch-$version/lib/*.jar,$m/transport-netty4/*,$m/x-pack-core/*,$m/x-pack-security/*,$m/analysis-common/*,$m/lang-painless/*"
  mv "$dir/elasticsearch-$version"/* "$dir"
  rmdir "$dir/elasticsearch-$version"
}

fetch_opensearch() {
  local module=$dir/modules/transport-netty4
  maven "$dependency:copy-dependencies" -DincludeScope=runtime -DexcludeGroupIds=io.netty,org.opensearch.plugin \
    -DoutputDirectory="$dir/lib"
  maven "$dependency:copy-dependencies" -DincludeScope=runtime -DincludeGroupIds=io.netty,org.opensearch.plugin \
    -DoutputDirectory="$module"
  cat >"$module/plugin-descriptor.properties" <<EOF
name=transport-netty4
description=HTTP and transport by Netty
classname=org.opensearch.transport.Netty4Plugin
version=$version
opensearch.version=$version
java.version=11
has.native.controller=false
EOF
  echo 'grant { permission java.security.AllPermission; };' >"$module/plugin-security.policy"
}

name=${1:-}
case $name in
  elasticsearch) version=6.8.23 ;;
  opensearch) version=$(sed -n 's:.*<opensearch.version>\(.*\)</opensearch.version>.*:\1:p' "$here/opensearch.xml") ;;
  *) die "elasticsearch or opensearch" ;;
esac
dir=${XDG_CACHE_HOME:-$HOME/.cache}/strata/$name/$version
if [[ ! -e $dir/.complete ]]; then
  # Two callers at once are kept apart by a lock; what is half done is not used.
  mkdir -p "$dir"
  exec 9>"$dir/.lock"
  flock 9
  if [[ ! -e $dir/.complete ]]; then
    echo "fetching $name $version" >&2
    rm -rf "${dir:?}"/*
    cp "$here/opensearch.xml" "$dir/pom.xml" # Maven writes beside it.
    "fetch_$name"
    rm -rf "$dir/target"
    mkdir -p "$dir/bin" "$dir/plugins"
    touch "$dir/.complete"
  fi
  exec 9>&-
fi
echo "$dir"
