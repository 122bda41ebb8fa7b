#!/bin/bash
# Tries the packages on ARM systems that QEMU plays: scripts/test-arm.sh
# user|boot|pi [REGEXP], for the tests of that name alone.
#
# The test program is compiled as the user and run as root: it makes root file
# systems (kept in ~root/.cache/edgeagent, or $EDGEAGENT_CACHE) and namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."

which=${1:-} run=${2:-.}
# What it takes on two cores; the first run downloads and builds what is kept.
case $which in
user) takes="one minute; the first time 6 more" ;;
boot) takes="4 minutes; the first time 6 more" ;;
pi) takes="2 minutes; the first time 4 more" ;;
*)
	echo "usage: scripts/test-arm.sh user|boot|pi [REGEXP]" >&2
	exit 2
	;;
esac
echo "this takes about $takes"

packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
go=${GO:-go}

scripts/setup.sh arm
GO=$go OUT=$packages scripts/deb.sh "${VERSION:-$(scripts/version.sh)}" \
	"$(git log -1 --format=%cI 2>/dev/null || date -Iseconds)" arm64 armhf
# What the armhf package must not be.
CGO_ENABLED=0 GOARCH=arm GOARM=7 "$go" build -o "$packages/armv7" ./cmd/edgeagent
CGO_ENABLED=0 "$go" test -c -o bin/arm.test ./internal/lab/arm

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

cd internal/lab/arm
as_root env "PATH=$PATH" "EDGEAGENT_ARM_TESTS=$which" "EDGEAGENT_DEB_DIR=$packages" "EDGEAGENT_ARMV7=$packages/armv7" \
	${EDGEAGENT_CACHE:+"EDGEAGENT_CACHE=$EDGEAGENT_CACHE"} \
	nice ../../../bin/arm.test -test.v -test.timeout 40m -test.run "$run"
