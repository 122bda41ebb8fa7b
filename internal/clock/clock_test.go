package clock

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var build = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func newGate(t *testing.T, file string) *Gate {
	t.Helper()
	g, note := NewGate(build, file)
	if note != "" {
		t.Fatalf("unexpected note: %s", note)
	}
	return g
}

func TestGateRefusesATimeBeforeTheBuild(t *testing.T) {
	g := newGate(t, filepath.Join(t.TempDir(), "time"))
	if err := g.Check(time.Unix(0, 0)); !errors.Is(err, ErrWrong) {
		t.Errorf("1970: %v, want ErrWrong", err)
	}
	if err := g.Check(build.Add(time.Hour)); err != nil {
		t.Errorf("after the build: %v", err)
	}
}

func TestCheckCertNamesTheCulprit(t *testing.T) {
	cert := &x509.Certificate{NotBefore: build.AddDate(0, 1, 0), NotAfter: build.AddDate(1, 0, 0)}
	tests := []struct {
		name      string
		known     time.Time // confirmed before
		now       time.Time
		want, not error
	}{
		{name: "valid", now: build.AddDate(0, 2, 0)},
		{name: "expired", now: build.AddDate(1, 0, 1), want: ErrExpired, not: ErrWrong},
		{name: "not yet valid", now: build.AddDate(0, 0, 1), want: ErrNotYetValid, not: ErrWrong},
		{name: "not yet valid, but later is known", known: build.AddDate(0, 3, 0), now: build.AddDate(0, 0, 1), want: ErrWrong, not: ErrNotYetValid},
		{name: "set back within validity", known: build.AddDate(0, 11, 0), now: build.AddDate(0, 2, 0)},
		{name: "before the build", now: build.AddDate(-56, 0, 0), want: ErrWrong, not: ErrNotYetValid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, filepath.Join(t.TempDir(), "time"))
			if err := g.Confirm(tt.known); err != nil {
				t.Fatal(err)
			}
			err := g.CheckCert(cert, tt.now)
			if !errors.Is(err, tt.want) || tt.not != nil && errors.Is(err, tt.not) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestConfirmSurvivesARestartAndSparesTheCard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "time")
	g := newGate(t, file)
	first := build.AddDate(0, 1, 0)
	for _, now := range []time.Time{first, first.Add(saveEvery - time.Second)} {
		if err := g.Confirm(now); err != nil {
			t.Fatal(err)
		}
	}
	if got := newGate(t, file).last; !got.Equal(first) {
		t.Errorf("kept %v: the second time came too soon to be written", got)
	}
	later := first.Add(saveEvery)
	if err := g.Confirm(later); err != nil {
		t.Fatal(err)
	}
	if got := newGate(t, file).last; !got.Equal(later) {
		t.Errorf("kept %v, want %v", got, later)
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"garbage":   func(f string) error { return os.WriteFile(f, []byte("\x00\xff"), 0o600) },
		"empty":     func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"directory": func(f string) error { return os.Mkdir(f, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "time")
			if err := damage(file); err != nil {
				t.Fatal(err)
			}
			g, note := NewGate(build, file)
			if !strings.Contains(note, file+".damaged") {
				t.Errorf("note %q does not name where it went", note)
			}
			if err := g.Confirm(build.AddDate(0, 1, 0)); err != nil {
				t.Errorf("confirming after the damage: %v", err)
			}
			newGate(t, file)
		})
	}
}

func FuzzGate(f *testing.F) {
	f.Add([]byte("2026-11-21T08:30:00Z\n"))
	f.Add([]byte("not a time"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "time")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		g, note := NewGate(build, file)
		if err := g.Check(build.AddDate(1, 0, 0)); err != nil {
			t.Errorf("file %q (note %q) refuses a plausible time: %v", data, note, err)
		}
	})
}
