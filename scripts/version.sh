#!/bin/sh
# Prints the version of this source, as Debian orders versions: the tag v1.2.3 is
# 1.2.3, what comes after it 1.2.3+5.gab12cd3, and without any tag 0.1.0~dev7.gab12cd3,
# which is older than 0.1.0.
set -eu
cd "$(dirname "$0")/.."

next=0.1.0
if ! commit=$(git rev-parse --short=7 HEAD 2>/dev/null); then
	echo "$next~dev" # an unpacked archive
	exit
fi
if described=$(git describe --tags --match 'v[0-9]*' --abbrev=7 2>/dev/null); then
	version=$(echo "${described#v}" | sed -E 's/-([0-9]+)-g([0-9a-f]+)$/+\1.g\2/')
else
	version="$next~dev$(git rev-list --count HEAD).g$commit"
fi
# A tree with changes is not what its commit says.
git diff --quiet HEAD -- 2>/dev/null || version="$version+changes"
echo "$version"
