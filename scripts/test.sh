#!/bin/bash
# Everything that `make test` checks. The system tests need root: without it
# the test programs, not the compiler, are run by sudo.
set -euo pipefail

step() { printf '\n== %s\n' "$*"; }

step gofmt
unformatted=$(gofmt -l cmd internal scripts)
if [ -n "$unformatted" ]; then
	printf 'not formatted:\n%s\n' "$unformatted"
	exit 1
fi
echo ok

step go vet
go vet ./...
echo ok

step staticcheck
go tool staticcheck ./...
echo ok

step "go build (as shipped)"
make --no-print-directory build
export EDGEAGENT_BIN=$PWD/bin/edgeagent

step "go test -race"
run_as=()
if [ "$(id -u)" != 0 ]; then
	if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; then
		run_as=(-exec "sudo -n --preserve-env=EDGEAGENT_BIN")
	else
		echo "neither root nor sudo: the tests that need root are skipped"
	fi
fi
report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
go build -o "$report/testreport" ./scripts/testreport
status=0
go test -race -json -timeout 20m "${run_as[@]}" ./... | "$report/testreport" || status=$?

echo "left out: fuzzing beyond the seeds (go test -fuzz), measurements (make bench), the ARM binary (make build-arm)"
exit $status
