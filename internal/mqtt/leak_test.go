package mqtt

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestNothingIsLeftOf200Sessions ends sessions in every way that there is. The
// bubble itself fails the test if a goroutine stays for good.
func TestNothingIsLeftOf200Sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, withStatus)
		var before int
		for i := range 200 {
			stop := r.run()
			time.Sleep(time.Minute)
			if i%2 == 0 {
				s.cut()
				time.Sleep(time.Minute)
			}
			if len(s.connectTimes()) < i {
				t.Fatalf("session %d did not come up", i)
			}
			stop()
			time.Sleep(time.Minute)
			synctest.Wait()
			if i == 0 {
				before = runtime.NumGoroutine()
			}
		}
		if after := runtime.NumGoroutine(); after > before {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d after the first session:\n%s", after, before, buf[:runtime.Stack(buf, true)])
		}
		if n := r.session.connects; n != 300 {
			t.Errorf("%d sessions, want 300", n)
		}
	})
}
