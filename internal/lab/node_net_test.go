package lab

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// A socket of ours that lives on for a moment, as in a program that is just
// being started, must not fail a test.
func TestListenWaitsForItsAddress(t *testing.T) {
	before, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	var again net.PacketConn
	tries := 0
	must(t, onceFree(func() error {
		if tries++; tries == 3 {
			before.Close()
		}
		again, err = net.ListenPacket("udp", before.LocalAddr().String())
		return err
	}))
	again.Close()
	if tries != 3 {
		t.Errorf("it listened at try %d, want 3", tries)
	}
}

func TestListenGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for refusal, want := range map[error]time.Duration{unix.EADDRINUSE: listenWithin, unix.EADDRNOTAVAIL: 0} {
			began := time.Now()
			err := onceFree(func() error { return &net.OpError{Op: "listen", Err: refusal} })
			if took := time.Since(began); err == nil || took < want || took > want+listenAgain {
				t.Errorf("%v: ended with %v after %v, want after %v", refusal, err, took, want)
			}
		}
	})
}
