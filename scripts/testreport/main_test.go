package main

import (
	"strings"
	"testing"
)

const passing = `{"Action":"start","Package":"edgeagent/a"}
{"Action":"run","Package":"edgeagent/a","Test":"TestX"}
{"Action":"output","Package":"edgeagent/a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"edgeagent/a","Test":"TestX","Output":"chatter\n"}
{"Action":"pass","Package":"edgeagent/a","Test":"TestX","Elapsed":0.1}
{"Action":"run","Package":"edgeagent/a","Test":"TestY"}
{"Action":"output","Package":"edgeagent/a","Test":"TestY","Output":"=== RUN   TestY\n"}
{"Action":"output","Package":"edgeagent/a","Test":"TestY","Output":"    a_test.go:12: needs root: it makes namespaces\n"}
{"Action":"output","Package":"edgeagent/a","Test":"TestY","Output":"--- SKIP: TestY (0.00s)\n"}
{"Action":"skip","Package":"edgeagent/a","Test":"TestY","Elapsed":0}
{"Action":"output","Package":"edgeagent/a","Output":"ok\n"}
{"Action":"pass","Package":"edgeagent/a","Elapsed":1.25}
`

const failing = `{"Action":"output","Package":"edgeagent/b","Test":"TestZ","Output":"    b_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"edgeagent/b","Test":"TestZ","Elapsed":0}
{"Action":"output","Package":"edgeagent/b","Output":"FAIL\n"}
{"Action":"fail","Package":"edgeagent/b","Elapsed":0.5}
`

const broken = `{"ImportPath":"edgeagent/c","Action":"build-output","Output":"c.go:1:1: undefined: x\n"}
{"ImportPath":"edgeagent/c","Action":"build-fail"}
{"Action":"output","Package":"edgeagent/c","Output":"FAIL\tedgeagent/c [build failed]\n"}
{"Action":"fail","Package":"edgeagent/c","Elapsed":0,"FailedBuild":"edgeagent/c"}
`

// What the go command tells of a test that hangs, and of one that waits for it.
const hanging = `{"Action":"output","Package":"edgeagent/e","Test":"TestWaits","Output":"=== PAUSE TestWaits\n"}
{"Action":"output","Package":"edgeagent/e","Test":"TestHangs","Output":"panic: test timed out after 20m0s\n"}
{"Action":"output","Package":"edgeagent/e","Test":"TestHangs","Output":"goroutine 20 [sleep]:\n"}
{"Action":"output","Package":"edgeagent/e","Output":"FAIL\tedgeagent/e\t1200.1s\n"}
{"Action":"fail","Package":"edgeagent/e","Elapsed":1200.1}
`

func run(t *testing.T, input string) (out string, ok bool) {
	t.Helper()
	var b strings.Builder
	r := &report{out: &b, outputs: map[testName][]string{}}
	if err := r.read(strings.NewReader(input)); err != nil {
		t.Fatal(err)
	}
	ok = r.finish()
	return b.String(), ok
}

func TestPassingAndSkipped(t *testing.T) {
	const want = `ok   edgeagent/a 1.2s
skipped: 1
  edgeagent/a TestY: needs root: it makes namespaces
ok: 2 tests
`
	if got, ok := run(t, passing); got != want || !ok {
		t.Errorf("ok %v, got:\n%s\nwant:\n%s", ok, got, want)
	}
}

func TestFailing(t *testing.T) {
	for name, input := range map[string]string{"a test": failing, "a build": broken, "none": ""} {
		t.Run(name, func(t *testing.T) {
			if out, ok := run(t, input); ok {
				t.Errorf("passes:\n%s", out)
			}
		})
	}
}

func TestFailureIsPrintedWhole(t *testing.T) {
	for input, want := range map[string]string{
		failing:                   "b_test.go:3: got 1, want 2",
		broken:                    "c.go:1:1: undefined: x",
		"go: no such directory\n": "go: no such directory",
	} {
		if out, _ := run(t, input); !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// A hang has to be named at the end, where a cut-off log still shows it.
func TestHangIsNamedWithItsStack(t *testing.T) {
	out, ok := run(t, hanging)
	_, end, _ := strings.Cut(out, "FAIL: ")
	if ok || !strings.Contains(out, "goroutine 20 [sleep]:") || !strings.Contains(end, "edgeagent/e TestHangs (did not end)\n") {
		t.Errorf("ok %v, got:\n%s", ok, out)
	}
}

func TestEveryPackageHasALineOfItsOwn(t *testing.T) {
	out, _ := run(t, passing+failing)
	for _, want := range []string{"ok   edgeagent/a 1.2s\n", "FAIL edgeagent/b 0.5s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestSkipWithoutReasonIsStillListed(t *testing.T) {
	out, _ := run(t, `{"Action":"skip","Package":"edgeagent/d","Test":"TestQ"}`+"\n")
	if !strings.Contains(out, "edgeagent/d TestQ: gave no reason") {
		t.Errorf("got:\n%s", out)
	}
}
