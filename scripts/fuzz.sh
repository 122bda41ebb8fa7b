#!/bin/bash
# Fuzzes every parser of the project in turn, for MINUTES minutes in all, and
# prints what each has tried. A finding stays as a file beside its test, which
# `go test` tries from then on.
# usage: fuzz.sh MINUTES [REGEXP]    REGEXP picks functions
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:?usage: fuzz.sh MINUTES [REGEXP]}
only=${2:-.}
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# package:function, one a line
targets=$(grep -rn --include='*_test.go' '^func Fuzz' cmd internal packaging scripts |
	sed -n 's|^\(.*\)/[^/]*:[0-9]*:func \(Fuzz[A-Za-z0-9_]*\).*|\1:\2|p' | grep -E "$only" | sort)
[ -n "$targets" ] || { echo "fuzz.sh: no function matches $only" >&2; exit 1; }
count=$(echo "$targets" | wc -l)
seconds=$((minutes * 60 / count))
[ "$seconds" -ge 1 ] || seconds=1
echo "$count functions, $seconds s each"

# A parser that takes memory without bounds is a finding, not the end of the
# machine: a worker may have 1 GiB, and none gets near the other limit.
export GOMEMLIMIT=1GiB
ulimit -v 16777216 2>/dev/null || echo 'fuzz.sh: memory is not limited on this system' >&2
# The lab's tests would build the agent, which no fuzz function runs.
export EDGEAGENT_BIN=/nonexistent

failed=0
for target in $targets; do
	package=${target%:*} name=${target#*:}
	# Building is not fuzzing: the time is counted by the test itself.
	if nice "$go" test -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" -fuzzminimizetime 5s -parallel 2 \
		-timeout 0 "./$package" >"$log" 2>&1; then
		result=ok
	else
		result=FAILED failed=$((failed + 1))
	fi
	figures=$(sed -n 's/^fuzz: elapsed: .*execs: \([0-9]*\) .*new interesting: \([0-9]*\) (total: \([0-9]*\)).*/\1 execs, \2 new interesting inputs, \3 in all/p' "$log" | tail -n 1)
	printf '%-6s %-24s %-28s %s\n' "$result" "$package" "$name" "${figures:-no figures}"
	[ "$result" = ok ] || sed 's/^/       /' "$log"
done

if [ "$failed" -gt 0 ]; then
	echo "$failed of $count functions failed. An input that did it is in testdata/fuzz of the package: mend it, and commit the file with the mending"
	exit 1
fi
echo "no function found anything; new inputs are in $("$go" env GOCACHE)/fuzz"
