package vpn

import (
	"testing"
	"time"

	"edgeagent/internal/config"
)

// observed is a health with a clock of its own.
type observed struct {
	health
	now time.Time
}

func observe(ping time.Duration) *observed {
	o := &observed{health{probe: config.Default().Probe}, time.Unix(1000, 0)}
	o.connected(o.now, ping)
	o.begin(o.now)
	o.answered(o.now)
	return o
}

func (o *observed) pass(d time.Duration) { o.now = o.now.Add(d) }

// fail lets one probe run into its limit and returns that.
func (o *observed) fail() time.Duration {
	began := o.now
	limit := o.begin(o.now)
	o.pass(limit)
	o.failed(o.now, began)
	return limit
}

func TestSilenceIsNoticedAfterTwoPings(t *testing.T) {
	for ping, want := range map[time.Duration]time.Duration{
		time.Second:      2*time.Second + bytecountEvery,
		10 * time.Second: 20*time.Second + bytecountEvery,
		0:                0,
	} {
		o := observe(ping)
		at := o.silenceAt()
		if got := at.Sub(o.now); !at.IsZero() && got != want || at.IsZero() != (want == 0) {
			t.Errorf("ping %v: noticed after %v, want %v", ping, got, want)
		}
	}
}

func TestServerThatDoesNotPingIsLeftAlone(t *testing.T) {
	o := observe(time.Second)
	for i := range falseAlarms {
		if o.silenceAt().IsZero() {
			t.Fatalf("gave up after %d false alarms", i)
		}
		o.pass(o.silenceAt().Sub(o.now))
		o.noticeSilence(o.now)
		if !o.next.Equal(o.now) {
			t.Fatal("silence made no probe due")
		}
		o.begin(o.now)
		o.answered(o.now)
	}
	if !o.silenceAt().IsZero() {
		t.Error("each idle moment would cost a probe")
	}
}

func TestSilentPathIsAskedQuicklyAndBriefly(t *testing.T) {
	o := observe(time.Second)
	o.pass(10 * time.Second)
	o.noticeSilence(o.now)
	for i := range o.probe.DownAfter {
		if !o.proven {
			t.Fatalf("down after %d failures", i)
		}
		if limit := o.fail(); limit != o.probe.Timeout {
			t.Errorf("probe %d may take %v", i, limit)
		}
		if wait := o.next.Sub(o.now); wait > probeSpacing {
			t.Errorf("%v to the next probe", wait)
		}
	}
	if o.proven {
		t.Error("still up")
	}
}

func TestFailuresWhileBytesArriveAreTheResolvers(t *testing.T) {
	o := observe(time.Second)
	for i := range uint64(6) {
		o.pass(time.Second)
		o.bytes(o.now, 100+i)
		limit := o.begin(o.now)
		o.pass(limit)
		o.bytes(o.now, 200+i)
		o.failed(o.now, o.now.Add(-limit))
	}
	if !o.proven || o.resolverSilent().IsZero() {
		t.Errorf("proven %v, resolver silent since %v", o.proven, o.resolverSilent())
	}
	if wait := o.next.Sub(o.now); wait != o.probe.SuspectInterval {
		t.Errorf("%v to the next probe", wait)
	}
}

// A probe that was sent into the silence tells nothing of what came after it.
func TestBytesDuringAProbeMakeTheNextOneDue(t *testing.T) {
	o := observe(time.Second)
	o.metered = true // or it would be asked soon anyway
	o.pass(o.silenceAt().Sub(o.now))
	o.noticeSilence(o.now)
	for range firstProbes + 1 {
		o.fail()
	}
	began := o.now
	limit := o.begin(o.now)
	o.pass(limit / 2)
	o.bytes(o.now, 1000)
	o.pass(limit / 2)
	o.failed(o.now, began)
	if got := o.next.Sub(o.now); got > probeSpacing {
		t.Errorf("the next probe is due in %s, want %s at most", got, probeSpacing)
	}
	o.fail()
	if got := o.next.Sub(o.now); got != o.probe.SuspectInterval {
		t.Errorf("the one after it in %s, want %s again: bytes alone prove nothing", got, o.probe.SuspectInterval)
	}
}

func TestProbeIsSkippedWhileTrafficProvesThePath(t *testing.T) {
	o := observe(time.Second)
	o.pass(o.probe.Interval)
	alive := o.now.Add(-10 * time.Second)
	if !o.skip(o.now, alive) || !o.next.Equal(alive.Add(o.probe.Interval)) {
		t.Errorf("not put off: next at %v", o.next)
	}
	if o.skip(o.now, o.now.Add(-o.probe.Interval)) {
		t.Error("old traffic proves nothing")
	}
	o.noticeSilence(o.now)
	if o.skip(o.now, alive) {
		t.Error("skipped although the server fell silent")
	}
}

// A path that nothing came back through is asked so often that its end is seen
// within 5 s, both answers that it takes included, unless each question is paid for.
func TestPathThatWasGivenUpIsAskedSoon(t *testing.T) {
	for metered, most := range map[bool]time.Duration{false: seekSpacing, true: 15 * time.Second} {
		o := observe(time.Second)
		o.metered = metered
		o.doubt(o.now)
		for range 100 {
			o.bytes(o.now, o.in+1)
			limit := o.fail()
			if o.failures < firstProbes {
				o.pass(o.next.Sub(o.now))
				continue
			}
			wait := o.next.Sub(o.now)
			// Of a probe's tries the last one, a SYN, is 2 s before its end.
			if gap := wait + min(limit, 2*time.Second); !metered && gap > most || metered && wait != most {
				t.Errorf("metered %v: %s from the end of a probe of %s to the next", metered, wait, limit)
			}
			o.pass(wait)
		}
		// What fails at once is no reason to ask all the time.
		o.begin(o.now)
		o.failed(o.now, o.now)
		if wait := o.next.Sub(o.now); wait != most {
			t.Errorf("metered %v: %s after an error that came at once, want %s", metered, wait, most)
		}
	}
}

func TestMeteredLinkIsProbedRarely(t *testing.T) {
	o := observe(time.Second)
	o.metered = true
	o.begin(o.now)
	o.answered(o.now)
	if wait := o.next.Sub(o.now); wait != meteredProbe {
		t.Errorf("next probe in %v", wait)
	}
}
