#!/bin/bash
# Boots Debian systems with systemd as process 1 in the lab and tests the package
# there. Usage: scripts/test-os.sh [REGEXP], for the tests of that name alone.
#
# The test program is compiled as the user and run as root: it makes root file
# systems (kept in ~root/.cache/edgeagent, or $EDGEAGENT_CACHE) and namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."

run=${1:-.}
arch=$(dpkg --print-architecture)
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT

scripts/setup.sh deb
GO=${GO:-go} OUT=$packages scripts/deb.sh "${VERSION:-$(scripts/version.sh)}" \
	"$(git log -1 --format=%cI 2>/dev/null || date -Iseconds)" "$arch"
CGO_ENABLED=0 "${GO:-go}" test -c -o bin/machine.test ./internal/lab/machine

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

cd internal/lab/machine
as_root env "PATH=$PATH" EDGEAGENT_OS_TESTS=1 "EDGEAGENT_DEB_DIR=$packages" ${EDGEAGENT_CACHE:+"EDGEAGENT_CACHE=$EDGEAGENT_CACHE"} \
	../../../bin/machine.test -test.v -test.timeout 40m -test.run "$run"
