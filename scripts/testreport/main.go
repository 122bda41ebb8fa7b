// Command testreport reads `go test -json` and prints what a person wants to
// see of it: a line for each package, the whole output of what failed, and at
// the end every skipped test with its reason, so that none goes unnoticed. It
// exits with 1 if anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxLine bounds one line of the test output, in bytes.
const maxLine = 1 << 20

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

// testName names a test, or a package if Test is empty.
type testName struct{ Package, Test string }

func (n testName) String() string { return strings.TrimSpace(n.Package + " " + n.Test) }

// report collects the events of all packages.
type report struct {
	out     io.Writer
	outputs map[testName][]string // until it has ended
	skips   []string
	tests   int
	failed  []string
}

func main() {
	r := &report{out: os.Stdout, outputs: map[testName][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.finish() {
		os.Exit(1)
	}
}

// read handles events until in ends. A line that is no event is printed as it
// is: the go command says there what it could not even start.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text())
			continue
		}
		r.handle(e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading go test's output: %w", err)
	}
	return nil
}

func (r *report) handle(e event) {
	key := testName{e.Package + e.ImportPath, e.Test}
	switch e.Action {
	case "output", "build-output":
		r.outputs[key] = append(r.outputs[key], e.Output)
	case "pass", "fail", "skip", "build-fail":
		r.end(e, r.outputs[key])
		delete(r.outputs, key)
	}
}

// end handles the end of a test, or of a package if it names no test.
func (r *report) end(e event, output []string) {
	if e.Test != "" {
		r.tests++
	}
	switch {
	case e.Action == "build-fail":
		fmt.Fprint(r.out, strings.Join(output, ""))
	case e.Action == "fail":
		r.failed = append(r.failed, testName{e.Package, e.Test}.String())
		fmt.Fprint(r.out, strings.Join(output, ""))
		if e.Test == "" {
			r.unfinished(e.Package)
			fmt.Fprintf(r.out, "FAIL %s %.1fs\n", e.Package, e.Elapsed)
		}
	case e.Action == "skip" && e.Test != "":
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(output)))
	case e.Action == "skip":
		fmt.Fprintf(r.out, "?    %s no test files\n", e.Package)
	case e.Test == "":
		fmt.Fprintf(r.out, "ok   %s %.1fs\n", e.Package, e.Elapsed)
	}
}

// unfinished prints what those tests of a package said that never ended: it was
// they that hung or crashed, and the go command reports no failure of theirs.
func (r *report) unfinished(pkg string) {
	var names []testName
	for name := range r.outputs {
		if name.Package == pkg && name.Test != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b testName) int { return strings.Compare(a.Test, b.Test) })
	for _, name := range names {
		fmt.Fprint(r.out, strings.Join(r.outputs[name], ""))
		r.failed = append(r.failed, name.String()+" (did not end)")
		delete(r.outputs, name)
	}
}

// reason finds why a test was skipped: what it said after its file and line.
func reason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			_, text, _ = strings.Cut(text, ": ")
			return text
		}
	}
	return "gave no reason"
}

// finish prints the skips and the sum and reports whether all went well.
func (r *report) finish() bool {
	if len(r.skips) == 0 {
		fmt.Fprintln(r.out, "skipped: none")
	} else {
		fmt.Fprintf(r.out, "skipped: %d\n", len(r.skips))
		for _, s := range r.skips {
			fmt.Fprintln(r.out, "  "+s)
		}
	}
	if len(r.failed) > 0 {
		fmt.Fprintf(r.out, "FAIL: %d of %d tests and packages\n", len(r.failed), r.tests)
		for _, name := range r.failed {
			fmt.Fprintln(r.out, "  "+name)
		}
		return false
	}
	fmt.Fprintf(r.out, "ok: %d tests\n", r.tests)
	return r.tests > 0
}
