package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// Each file in testdata/bad has one fault, unless its name says otherwise. Its
// exact message is in the .txt file beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(file), data)
			if err == nil {
				t.Fatal("accepted")
			}
			golden(t, filepath.Join("testdata/bad", name+".txt"), err.Error()+"\n")
			checkFaults(t, err)
			if faults := len(err.(Errors)); name != "many-faults" && faults > 2 {
				t.Errorf("%d faults for one mistake", faults)
			}
		})
	}
}

// checkFaults checks what holds for every fault.
func checkFaults(t *testing.T, err error) {
	t.Helper()
	last := 0
	for _, f := range err.(Errors) {
		if f.Line < max(last, 1) {
			t.Errorf("line %d after line %d", f.Line, last)
		}
		last = f.Line
		if line := f.Error(); strings.ContainsAny(line, "\n\t\x00") {
			t.Errorf("more than a line: %q", line)
		}
		if !strings.Contains(f.Message, "; accepted: ") || strings.Count(f.Message, "; ") < 2 {
			t.Errorf("want what was found, what is accepted and what to do: %q", f.Message)
		}
	}
}

// golden compares got with the content of file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}
