#!/bin/bash
# Everything that `make test` checks; a failed step does not keep the others
# from telling what they know. The system tests need root: without it the test
# programs, not the compiler, are run by sudo.
set -uo pipefail

failed=()
step() {
	local title=$1
	shift
	printf '\n== %s\n' "$title"
	if "$@"; then echo ok; else failed+=("$title"); fi
}

formatted() {
	local files
	files=$(gofmt -l cmd internal scripts) || return 1
	[ -z "$files" ] || printf 'not formatted:\n%s\n' "$files"
	[ -z "$files" ]
}

# as_root prints what runs a test program as root. Those that call go find it,
# the modules that the user has, and a build cache that is not the user's.
as_root() {
	printf "sudo -n env 'PATH=%s' 'GOMODCACHE=%s' 'GOFLAGS=%s' 'GOCACHE=%s' 'EDGEAGENT_BIN=%s'" \
		"$PATH" "$(go env GOMODCACHE)" "$(go env GOFLAGS)" "$scratch/cache" "$EDGEAGENT_BIN"
}

# booted runs `make test-os` and prints what a person wants to see of it: what was
# skipped, the whole output of what failed, and the figures.
booted() {
	local code
	scripts/setup.sh os && scripts/test-os.sh >"$scratch/os.log" 2>&1
	code=$?
	if ! go tool test2json -p edgeagent/internal/lab/machine <"$scratch/os.log" | "$scratch/testreport"; then
		code=1
	fi
	grep -h FIGURE "$scratch/os.log" | sed 's/.*FIGURE /  /'
	return $code
}

# packages are those that `go test` is to run: the booted systems have a step of
# their own if they can run.
packages() {
	if can_be_root; then go list ./... | grep -v /internal/lab/machine$; else go list ./...; fi
}

can_be_root() {
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

tests() {
	local run_as=()
	if [ "$(id -u)" != 0 ]; then
		if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; then
			run_as=(-exec "$(as_root)")
		else
			echo "neither root nor sudo: the tests that need root are skipped"
		fi
	fi
	# shellcheck disable=SC2046 # one argument each
	go build -o "$scratch/testreport" ./scripts/testreport &&
		go test -race -json -timeout 20m "${run_as[@]}" $(packages) | "$scratch/testreport"
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch" 2>/dev/null || sudo -n rm -rf "$scratch"' EXIT
export EDGEAGENT_BIN=$PWD/bin/edgeagent

step gofmt formatted
step "go vet" go vet ./...
step staticcheck go tool staticcheck ./...
step "go build, as shipped" make --no-print-directory build
step "go test -race" tests
if can_be_root; then
	step "booted systems, as make test-os" booted
else
	echo "left out: the booted systems (make test-os), which need root"
fi

echo "left out: fuzzing beyond the seeds (go test -fuzz), measurements (make bench), the ARM binary (make build-arm), the package on ARM systems (make test-arm, make test-arm-boot, make test-pi)"
if [ ${#failed[@]} -gt 0 ]; then
	printf 'FAILED:'
	printf ' %s;' "${failed[@]}"
	echo
	exit 1
fi
echo "all checks passed"
