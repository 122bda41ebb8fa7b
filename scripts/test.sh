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

tests() {
	local run_as=() report status=0
	if [ "$(id -u)" != 0 ]; then
		if sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; then
			run_as=(-exec "sudo -n --preserve-env=EDGEAGENT_BIN")
		else
			echo "neither root nor sudo: the tests that need root are skipped"
		fi
	fi
	report=$(mktemp -d) || return 1
	go build -o "$report/testreport" ./scripts/testreport || return 1
	EDGEAGENT_BIN=$PWD/bin/edgeagent \
		go test -race -json -timeout 20m "${run_as[@]}" ./... | "$report/testreport" || status=1
	rm -rf "$report"
	return $status
}

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
