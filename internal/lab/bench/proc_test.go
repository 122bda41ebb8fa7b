package bench

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

// TestUsageGrows makes this process wait and work, and expects both to be counted.
func TestUsageGrows(t *testing.T) {
	before, err := readUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ballast := make([]byte, 32<<20)
	for deadline := time.Now().Add(10 * time.Second); ; {
		for i := range ballast {
			ballast[i]++
		}
		after, err := readUsage(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.wakeups > before.wakeups && after.cpu > before.cpu && after.rss >= before.rss+30 && after.peak >= after.rss && after.pss > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		<-time.After(time.Millisecond)
	}
}

func TestUsageOfNobody(t *testing.T) {
	if u, err := readUsage(1 << 30); err == nil {
		t.Errorf("a process that is not there has %+v", u)
	}
}
