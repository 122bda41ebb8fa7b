#!/bin/sh
# Has lintian judge dist/edgeagent_VERSION_ARCH.deb: lintian.sh VERSION ARCH ...
set -eu
cd "$(dirname "$0")/.."

version=$1
shift
for arch in "$@"; do
	file=dist/edgeagent_${version}_$arch.deb
	lintian --allow-root --fail-on error,warning --info --tag-display-limit 0 "$file"
	echo "$file: no error and no warning of lintian"
done
