package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is accepted survives being shown and parsed again; what is not has a line
// for every fault.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "../../configs/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err != nil {
			if len(data) <= maxFileBytes {
				checkFaults(t, err)
			}
			return
		}
		roundTrip(t, c)
	})
}

func roundTrip(t *testing.T, c Config) {
	t.Helper()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("shown.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(c, again, netipValues, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-parsed +shown and parsed again:\n%s\n%s", diff, text)
	}
}

func TestYAMLRoundTrip(t *testing.T) {
	for _, name := range []string{"minimal.yaml", "edgeagent.yaml", "canal.yaml", "failover.yaml"} {
		c, err := Parse(name, shipped(t, name))
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, c)
	}
}

func TestYAMLGolden(t *testing.T) {
	c, err := Parse("failover.yaml", shipped(t, "failover.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/shown.yaml", string(text))
}

// Aliases that multiply are cut off, not expanded: nine levels of nine would be
// 387 million values.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("resolver:\n  domains: &a [" + strings.Repeat("a.example,", 999) + "a.example]\nlinks:\n")
	for range 100 {
		b.WriteString("  - {name: x, type: interface, interface: *a}\n")
	}
	_, err := Parse("bomb.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "bomb.yaml:1: more than 10000 values; accepted: one gateway's settings; remove the repeated aliases") {
		t.Errorf("got %.300v", err)
	}
}

// An alias that holds itself ends with the schema, not with the stack.
func TestAliasOfItself(t *testing.T) {
	_, err := Parse("self.yaml", []byte("links: &l\n  - *l\n"))
	if err == nil || !strings.Contains(err.Error(), "self.yaml:2: links[0]: found a list;") {
		t.Errorf("got %v", err)
	}
}

// In a long file the parser's own guess has to do, so that a broken file does
// not cost minutes.
func TestSyntaxErrorInLongFile(t *testing.T) {
	lines := maxFileBytes / len("# a comment\n") / 2
	text := "device: [\n" + strings.Repeat("# a comment\n", lines)
	if breakingLine([]byte(text)) != 0 {
		t.Error("searched to the end")
	}
	_, err := Parse("long.yaml", []byte(text))
	if err == nil || !strings.HasPrefix(err.Error(), "long.yaml:") {
		t.Errorf("got %v", err)
	}
}
