package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeagent/internal/lab/faults"
)

func TestFaultsArguments(t *testing.T) {
	m, err := newMatrix([]string{"-run", "^openvpn", "-parallel", "3", "-o", "page.md", "bin/edgeagent"})
	if err != nil || m.bin != "bin/edgeagent" || m.parallel != 3 || m.out != "page.md" || !m.run.MatchString("openvpn killed") || m.run.MatchString("daemon killed") {
		t.Errorf("%+v, %v", m, err)
	}
	for _, args := range [][]string{{}, {"-run"}, {"-run", "(", "x"}, {"-parallel", "0", "x"}, {"x", "y"}, {"-no", "x"}} {
		if _, err := newMatrix(args); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v, want wrong usage", args, err)
		}
	}
}

func TestFaultsWithoutARow(t *testing.T) {
	m, err := newMatrix([]string{"-run", "no row is called so", "bin/edgeagent"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.play(t.Context(), new(bytes.Buffer), new(bytes.Buffer)); !errors.Is(err, errUsage) {
		t.Errorf("%v: an empty matrix would be green", err)
	}
}

// TestFaultsLeftOut plays a row that needs no lab.
func TestFaultsLeftOut(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	m, err := newMatrix([]string{"-run", "^clock a year", "-o", page, "bin/edgeagent"})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := m.play(t.Context(), new(bytes.Buffer), &said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "clock a year ahead: left out: ") {
		t.Errorf("what is left out is not said: %s", said.String())
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "left out: 2") {
		t.Errorf("%v in:\n%s", err, text)
	}
}

func TestFaultsVerdict(t *testing.T) {
	red := verdict(faults.Result{Trap: 1, Sent: 5})
	if !strings.HasPrefix(red, "RED: 1 packets left in the open") || !strings.Contains(red, "5 messages") {
		t.Error(red)
	}
	if good := verdict(faults.Result{Sent: 5}); strings.Contains(good, "RED") {
		t.Error(good)
	}
}
