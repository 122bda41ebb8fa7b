package vpn

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// bystander is a Witness: it answers after a while, or never.
type bystander struct {
	mu      sync.Mutex
	after   time.Duration // 0: never
	unknown bool          // it has never answered before
	asked   int
}

func (b *bystander) ask(ctx context.Context, _ Path) (bool, error) {
	b.mu.Lock()
	b.asked++
	after, known := b.after, !b.unknown
	b.mu.Unlock()
	if after == 0 {
		<-ctx.Done()
		return known, ctx.Err()
	}
	select {
	case <-time.After(after):
		return known, nil
	case <-ctx.Done():
		return known, ctx.Err()
	}
}

func (b *bystander) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *bystander) testifies(o *Options) { o.Witness = b.ask }

// loseAnswers has probes unanswered while the server's pings arrive, or no more.
func (w *world) loseAnswers(on bool) {
	w.blackhole(on)
	w.engine.set(func(e *fakeEngine) { e.mute = false })
}

func TestDeadResolverCutsNothing(t *testing.T) {
	for name, after := range map[string]time.Duration{"good line": 40 * time.Millisecond, "full queue": 9 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bystander{after: after}
				w := newWorld(t, b.testifies)
				w.start()
				time.Sleep(30 * time.Second)
				before := len(w.trail())
				w.loseAnswers(true)
				for range 4 * 60 {
					w.link.doubt()
					time.Sleep(time.Minute)
				}
				w.expect(status.OK, status.ReasonConnected, "bytes arrive, but 10.0.0.2 is silent since")
				if trail := w.trail(); len(trail) != before {
					t.Errorf("it went through %v", trail)
				}
				if got := w.engine.noted("signal", "start"); len(got) != 1 {
					t.Errorf("%v, want the first start alone", got)
				}
			})
		})
	}
}

// Witnesses are asked now and then only, if nobody else complains.
func TestWitnessesAreNotPestered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{after: time.Second}
		w := newWorld(t, b.testifies)
		w.start()
		time.Sleep(time.Hour)
		if n := b.times(); n != 0 {
			t.Errorf("asked %d times while all was well", n)
		}
		w.loseAnswers(true)
		time.Sleep(time.Hour)
		if n, most := b.times(), int(time.Hour/hearAgain)+1; n == 0 || n > most {
			t.Errorf("asked %d times in an hour, want %d at most", n, most)
		}
	})
}

func TestWhatIsSentIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{}
		w := newWorld(t, b.testifies)
		w.start()
		time.Sleep(33 * time.Second)
		w.mu.Lock()
		w.alive = time.Now() // the broker's last words prove nothing
		w.mu.Unlock()
		w.loseAnswers(true)
		w.link.doubt()
		time.Sleep(hearLimit - time.Millisecond)
		w.expect(status.OK, status.ReasonConnected, "")
		time.Sleep(2 * time.Millisecond)
		w.expect(status.Down, status.ReasonNoAnswer,
			"bytes arrive from 203.0.113.10:443, but whatever is sent there is lost (asked 10.0.0.2 and the endpoint)")
		w.loseAnswers(false)
		back := time.Now()
		for w.last().State != status.OK && time.Since(back) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(back); took > 5*time.Second {
			t.Errorf("back after %v", took)
		}
		if got := w.engine.noted("signal"); len(got) != 0 {
			t.Errorf("%v, though it came back by itself", got)
		}
	})
}

func TestPathThatLosesAllIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{}
		w := newWorld(t, b.testifies)
		w.start()
		time.Sleep(30 * time.Second)
		w.loseAnswers(true)
		w.link.doubt()
		doubted := time.Since(w.began)
		time.Sleep(hearLimit + anewAfter - time.Millisecond)
		if got := w.engine.noted("signal"); len(got) != 0 {
			t.Errorf("%v already", got)
		}
		time.Sleep(2 * time.Millisecond)
		got := w.engine.noted("signal")
		if len(got) != 1 || got[0].what != "signal SIGUSR1" || got[0].at != doubted+hearLimit+anewAfter {
			t.Fatalf("%v, want one SIGUSR1", got)
		}
		time.Sleep(anewAfter)
		if got := w.engine.noted("signal"); len(got) != 1 {
			t.Errorf("%v, want no more", got)
		}
	})
}

// Silence of those who have never answered is none.
func TestUnknownWitnessesDecideNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{unknown: true}
		w := newWorld(t, b.testifies)
		w.start()
		time.Sleep(30 * time.Second)
		w.loseAnswers(true)
		w.link.doubt()
		time.Sleep(55 * time.Second)
		w.expect(status.OK, status.ReasonConnected, "is silent since")
	})
}

// A resolver that answers is no dead path, whatever witnesses say.
func TestResolverOutweighsWitnesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{}
		w := newWorld(t, b.testifies)
		w.start()
		time.Sleep(30 * time.Second)
		before := len(w.trail())
		for range 5 {
			w.link.doubt()
			time.Sleep(30 * time.Second)
		}
		if trail := w.trail(); len(trail) != before || b.times() != 5 {
			t.Errorf("asked %d times; it went through %v", b.times(), trail)
		}
	})
}

// The same over a link that something else dials: an idle session says nothing
// for minutes, and must not be cut for the resolver's sake.
func TestDeadResolverCutsNoDialledLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bystander{after: 40 * time.Millisecond}
		l := newLeg(t, func(o *InterfaceOptions) { o.Witness = b.ask })
		l.up()
		l.set(func(l *leg) { l.silent = true })
		l.link.doubt()
		time.Sleep(4 * time.Hour)
		l.expect(status.OK, status.ReasonConnected, "is silent since ")
		if got := l.modem.log(); len(got) != 0 {
			t.Errorf("%v was done about it", got)
		}
		b.mu.Lock()
		b.after = 0
		b.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if u := l.last(); u.State != status.Down {
			t.Errorf("nobody answers any more, and it is %s: %s", u.State, u.Detail)
		}
	})
}

func TestDialledLinkIsLostWhenNobodyAnswers(t *testing.T) {
	for metered, most := range map[bool]time.Duration{false: hearLimit, true: 3*(2*time.Second+tcpPart) + 2*15*time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := &bystander{}
			l := newLeg(t, func(o *InterfaceOptions) { o.Witness, o.Link.Metered = b.ask, metered })
			l.up()
			time.Sleep(30 * time.Second)
			l.set(func(l *leg) { l.silent = true })
			l.link.doubt()
			began := time.Now()
			for l.last().State.Usable() && time.Since(began) < 2*time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(began); took < most || took > most+20*time.Millisecond {
				t.Errorf("metered %t: lost after %v, want %v", metered, took, most)
			}
			time.Sleep(2 * pongTries * pongTimeout) // the carrier is asked as well
			l.expect(status.Down, status.ReasonNoAnswer, "nothing answers through ppp0 (asked 10.0.6.53)")
			l.set(func(l *leg) { l.silent = false })
			back := time.Now()
			for !l.last().State.Usable() && time.Since(back) < time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			// The made-up prober meets silence for all of a probe that has begun.
			if took, most := time.Since(back), 2*time.Second+tcpPart+2*probeSpacing; !metered && took > most {
				t.Errorf("back after %v", took)
			}
		})
	}
}

// An echo clears the link, and its silence does not speak against it.
func TestEchoBesideWitnesses(t *testing.T) {
	silent := errors.New("silence")
	says := func(asked bool, err error) Witness {
		return func(context.Context, Path) (bool, error) { return asked, err }
	}
	for name, tt := range map[string]struct {
		ask    Witness
		echo   error
		asked  bool
		silent bool
	}{
		"both answer":       {says(true, nil), nil, true, false},
		"the echo alone":    {says(true, silent), nil, true, false},
		"the witness alone": {says(true, nil), silent, true, false},
		"neither":           {says(true, silent), silent, true, true},
		"nobody known":      {says(false, silent), silent, false, true},
		"no witnesses":      {nil, silent, false, true},
		"nobody but echo":   {nil, nil, true, false},
	} {
		asked, err := besideEcho(tt.ask, func(context.Context, Path) error { return tt.echo })(t.Context(), Path{})
		if asked != tt.asked || (err != nil) != tt.silent {
			t.Errorf("%s: asked %t, %v", name, asked, err)
		}
	}
}

func TestEchoNeedsAFarEnd(t *testing.T) {
	for _, address := range []string{"10.8.0.6/32", "172.31.0.33/27", "fd00::2/64"} {
		p := Path{Device: "lo", Address: netip.MustParsePrefix(address)}
		if err := echoTunnel(t.Context(), p, func(int) {}); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
