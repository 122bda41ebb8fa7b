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

tests() {
	local run_as=()
	if [ "$(id -u)" != 0 ]; then
		if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; then
			run_as=(-exec "$(as_root)")
		else
			echo "neither root nor sudo: the tests that need root are skipped"
		fi
	fi
	go build -o "$scratch/testreport" ./scripts/testreport &&
		go test -race -json -timeout 20m "${run_as[@]}" ./... | "$scratch/testreport"
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch" 2>/dev/null || sudo -n rm -rf "$scratch"' EXIT
export EDGEAGENT_BIN=$PWD/bin/edgeagent

step gofmt formatted
step "go vet" go vet ./...
step staticcheck go tool staticcheck ./...
step "go build, as shipped" make --no-print-directory build
step "go test -race" tests

echo "left out: fuzzing beyond the seeds (go test -fuzz), measurements (make bench), the ARM binary (make build-arm)"
if [ ${#failed[@]} -gt 0 ]; then
	printf 'FAILED:'
	printf ' %s;' "${failed[@]}"
	echo
	exit 1
fi
echo "all checks passed"
