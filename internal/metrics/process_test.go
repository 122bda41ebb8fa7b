package metrics

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestOwn holds what the process says of itself against what it is made to hold.
func TestOwn(t *testing.T) {
	before := Own()
	if before.Resident < 1<<20 {
		t.Errorf("%d bytes of memory, less than any Go program's", before.Resident)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { <-quit; close(ended) }()
	after := Own()
	close(quit)
	<-ended
	r.Close()
	w.Close()
	if n := after.OpenFDs - before.OpenFDs; n != 2 {
		t.Errorf("a pipe counts as %d descriptors, want 2", n)
	}
	if n := after.Goroutines - before.Goroutines; n != 1 {
		t.Errorf("a goroutine counts as %d", n)
	}
	deadline := time.Now().Add(time.Second)
	for ; Own().OpenFDs != before.OpenFDs; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a closed pipe still counts: %d descriptors, %d before it", Own().OpenFDs, before.OpenFDs)
		}
	}
}

// TestNoProcess: without a daemon nobody's figures are shown as its own.
func TestNoProcess(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, healthy(), Process{}, Text); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"goroutines", "open_fds", "resident_memory"} {
		if strings.Contains(b.String(), name) {
			t.Errorf("%s without a process in\n%s", name, &b)
		}
	}
}
