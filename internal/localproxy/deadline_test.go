package localproxy

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A connection whose first bytes had to be queued, as those of most ssh sessions
// are while sshd is dialled, may be idle for as long as it likes afterwards.
func TestIdleAfterQueueing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(1 << 20)
		p, r := startSession(t, "SSH=22", Policy{}, func(context.Context, Destination) (local, error) {
			time.Sleep(10 * time.Millisecond)
			return dest, nil
		})
		p.send(startOf(1, 1), dataOf(1, 1, []byte("banner")))
		if got := string(dest.take(6)); got != "banner" {
			t.Errorf("the destination got %q", got)
		}
		time.Sleep(time.Hour)
		p.send(dataOf(1, 1, []byte("key")))
		if got := string(dest.take(3)); got != "key" {
			t.Errorf("after an hour the destination got %q", got)
		}
		dest.end()
		p.wantReset(t, 1)
		r.stop()
		<-r.done
	})
}
