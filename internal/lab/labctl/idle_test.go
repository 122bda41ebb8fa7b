package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNumber(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status")
	text := "Name:\tedgeagent\nPss:\t  16404 kB\nPss_Anon:\t 7 kB\nvoluntary_ctxt_switches:\t42\nnonvoluntary_ctxt_switches:\t9\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"Pss": 16404, "voluntary_ctxt_switches": 42, "absent": 0} {
		if got := number(file, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
}

// TestWakeups makes this process wait and expects it to be counted.
func TestWakeups(t *testing.T) {
	before := wakeups(os.Getpid())
	deadline := time.Now().Add(10 * time.Second)
	for wakeups(os.Getpid()) == before {
		if time.Now().After(deadline) {
			t.Fatal("no wake-up of this process was counted")
		}
		<-time.After(time.Millisecond)
	}
	if rss := memory(os.Getpid(), "Rss"); rss <= 0 {
		t.Errorf("this process has %v MB", rss)
	}
}
