#!/bin/bash
# Boots Debian systems with systemd as process 1 in the lab and tests the package
# there. Usage: scripts/test-os.sh [REGEXP], for the tests of that name alone.
#
# The test program is compiled as the user and run as root: it makes root file
# systems (kept in ~root/.cache/edgeagent, or $EDGEAGENT_CACHE) and namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."

run=${1:-.}
go=${GO:-go}
scratch=$(mktemp -d)
trap 'as_root rm -rf "$scratch"' EXIT

# Tests that build a newer program find the modules that the user has, and leave
# nothing of root's in the user's build cache.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo env "PATH=$PATH" "GOMODCACHE=$("$go" env GOMODCACHE)" "GOFLAGS=$("$go" env GOFLAGS)" "GOCACHE=$scratch/cache" "$@"
	fi
}

scripts/setup.sh deb
GO=$go OUT=$scratch scripts/deb.sh "${VERSION:-$(scripts/version.sh)}" \
	"$(git log -1 --format=%cI 2>/dev/null || date -Iseconds)" "$(dpkg --print-architecture)"
CGO_ENABLED=0 "$go" test -c -o bin/machine.test ./internal/lab/machine

cd internal/lab/machine
as_root env EDGEAGENT_OS_TESTS=1 "EDGEAGENT_DEB_DIR=$scratch" ${EDGEAGENT_CACHE:+"EDGEAGENT_CACHE=$EDGEAGENT_CACHE"} \
	../../../bin/machine.test -test.v -test.parallel 4 -test.timeout 40m -test.run "$run"
