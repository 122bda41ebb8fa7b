#!/bin/sh
# Builds dist/edgeagent_VERSION_ARCH.deb: deb.sh VERSION BUILT ARCH ...
# BUILT is the time of the source (RFC 3339). The same source gives the same bytes.
set -eu
cd "$(dirname "$0")/.."

version=$1
built=${2:?the time of the source, as git log -1 --format=%cI prints it}
shift 2
SOURCE_DATE_EPOCH=$(date -d "$built" +%s)
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
umask 022
root=$PWD
out=${OUT:-$root/dist}
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v dh >/dev/null || { echo 'deb.sh: debhelper is not installed: apt install debhelper' >&2; exit 1; }

# program ARCH FILE: Go needs no cross compiler without cgo.
program() {
	case $1 in
	armhf) set -- arm "$2" ;; # ARMv6: every Raspberry Pi
	esac
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 GOARM=6 "${GO:-go}" build -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.version=$version -X main.built=$built" -o "$2" ./cmd/edgeagent
}

# package ARCH stages what debhelper packs and has it packed.
package() {
	stage=$work/edgeagent-$version-$1
	mkdir -p "$stage/build/examples" "$stage/build/docs"
	cp -r packaging/debian "$stage/debian"
	program "$1" "$stage/build/edgeagent"
	cp configs/edgeagent.yaml "$stage/build/"
	cp -r "$work/manual" docs/man/edgeagent-localproxy.1 "$stage/build/"
	# What is read at the site, where there may be no internet.
	for page in install aws-setup links metrics check reasons field-guide field-guide.ja; do
		sed 's#(\(\.\./configs\|aws\)/#(examples/#g' "docs/$page.md" >"$stage/build/docs/$page.md"
	done
	cp configs/canal.yaml configs/failover.yaml configs/minimal.yaml docs/examples/* docs/aws/*.json "$stage/build/examples/"
	scripts/deb-changelog.sh "$version" <CHANGELOG.md >"$stage/debian/changelog"
	(cd "$stage" && DEB_HOST_ARCH=$1 debian/rules binary) >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
	file=$out/edgeagent_${version}_$1.deb
	mv "$work/${file##*/}" "$file"
	stat -c '%n: %s bytes' "$file"
	# It is downloaded over SIM cards.
	[ "$(stat -c %s "$file")" -le 6000000 ] || { echo "deb.sh: more than 6 MB: $file" >&2; exit 1; }
}

# The pages are written by the program itself: by this machine's build of it.
mkdir "$work/manual"
CGO_ENABLED=0 "${GO:-go}" run ./cmd/edgeagent manual . "$work/manual"

for arch in "$@"; do
	package "$arch"
done
