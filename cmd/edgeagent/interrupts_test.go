package main

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// interrupt sends SIGTERM to this very thread, which has its handler run before
// the call returns. What the runtime then does with it takes its own time.
func interrupt(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// A SIGTERM that came right before must not be lost with the image: whoever
// stops the daemon would wait for it in vain.
func TestDisarmFindsASignalUnderWay(t *testing.T) {
	for n := range 200 {
		_, i := takeInterrupts(t.Context())
		interrupt(t)
		if err := i.disarm(); !errors.Is(err, errStopping) {
			t.Fatalf("round %d: got %v, want %v", n, err, errStopping)
		}
		i.end()
	}
}

func TestDisarmThenArmAgain(t *testing.T) {
	ctx, i := takeInterrupts(t.Context())
	defer i.end()
	if err := i.disarm(); err != nil {
		t.Fatalf("got %v although no signal came", err)
	}
	i.arm()
	interrupt(t)
	<-ctx.Done()
}
