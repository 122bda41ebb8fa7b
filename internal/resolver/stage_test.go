package resolver

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// stageRig runs the dns stage over a fake VPC under a fake clock.
type stageRig struct {
	vpc     *fakeVPC
	prober  *Prober
	options StageOptions
	reports reports
	stop    context.CancelFunc
	done    chan error

	log strings.Builder

	mu            sync.Mutex
	path          *Path
	paths         []*Path // as the stub got them
	host          HostState
	moved, hosted signal
}

func newStageRig() *stageRig {
	vpc := &fakeVPC{}
	path := tun0()
	r := &stageRig{
		vpc: vpc, prober: newFakeProber(vpc), path: &path,
		host: HostState{Mode: config.HostFile, Pointed: true},
	}
	cfg := config.Default()
	r.options = StageOptions{
		Prober: r.prober, Stub: r, Path: r.current, PathChanged: r.moved.wait,
		HostState: r.hostState, HostChanged: r.hosted.wait,
		Private: cfg.Endpoint.PrivateCIDRs, Config: cfg.Resolver, Probe: cfg.Probe,
		Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	}
	return r
}

func (r *stageRig) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- NewStage(r.options).Run(ctx, r.reports.report) }()
	synctest.Wait()
}

// end stops the stage, and fails the test if that takes any time.
func (r *stageRig) end(t *testing.T) {
	t.Helper()
	at := time.Now()
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(at); took > 0 {
		t.Errorf("ending took %s", took)
	}
}

func (r *stageRig) current() (Path, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == nil {
		return Path{}, false
	}
	return *r.path, true
}

func (r *stageRig) move(p *Path) {
	r.mu.Lock()
	r.path = p
	r.mu.Unlock()
	r.moved.fire()
	synctest.Wait()
}

func (r *stageRig) SetPath(p *Path) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, p)
}

func (r *stageRig) stubPath() *Path {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths[len(r.paths)-1]
}

func (r *stageRig) hostState() HostState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host
}

func (r *stageRig) setHost(h HostState) {
	r.mu.Lock()
	r.host = h
	r.mu.Unlock()
	r.hosted.fire()
	synctest.Wait()
}

// pass lets time go by and everything settle.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// probeEvery probes as the link does, until ctx ends.
func (r *stageRig) probeEvery(ctx context.Context, d time.Duration) {
	for ctx.Err() == nil {
		_, _ = r.prober.Probe(ctx, tun0())
		_ = waitFor(ctx, d, nil)
	}
}

const ready = "amazonaws.com from 10.0.0.2, 12 ms"

func TestStageIsReadyOnceTheResolverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.answers("10.0.6.105")
		r.start(t)
		r.reports.is(t, status.Starting, status.ReasonConnecting, "asking 10.0.0.2")
		if p := r.stubPath(); p == nil || !p.same(tun0()) {
			t.Errorf("the stub's path is %v", p)
		}
		pass(roundTrip)
		r.reports.is(t, status.OK, status.ReasonReady, ready)
		r.reports.fact(t, "servers", []string{"10.0.0.2"})
		r.reports.fact(t, "listen", "127.0.0.153:53")
		r.reports.fact(t, "host", "file")
		r.reports.fact(t, "rtt_ms", int64(12))
		r.end(t)
		if p := r.stubPath(); p != nil {
			t.Errorf("the stub keeps %v", p)
		}
	})
}

func TestStageAddsNoPacketToTheLinksProbes(t *testing.T) {
	for name, pace := range map[string]time.Duration{"in doubt": 15 * time.Second, "metered": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.options.Pace = func() time.Duration { return pace }
				r.vpc.answers("10.0.6.105")
				ctx, cancel := context.WithCancel(t.Context())
				var link sync.WaitGroup
				link.Go(func() { r.probeEvery(ctx, pace) })
				pass(time.Second)
				r.start(t)
				pass(10 * pace)
				if n := r.vpc.questions(); n != 11 {
					t.Errorf("%d questions in ten intervals", n)
				}
				r.reports.is(t, status.OK, status.ReasonReady, ready)
				if states := r.reports.states(0); len(states) != 1 {
					t.Errorf("with a fresh probe it went through %v", states)
				}
				r.end(t)
				cancel()
				link.Wait()
			})
		})
	}
}

func TestStageAsksItselfWhenTheLinkDoesNot(t *testing.T) {
	for name, tc := range map[string]struct {
		interval, pace time.Duration
		ttl            uint32
		want           time.Duration
	}{
		"four times in probe.interval": {time.Minute, 0, 300, 18750 * time.Millisecond},
		"as rarely as configured":      {4 * time.Minute, 0, 300, 75 * time.Second},
		"by the TTL":                   {4 * time.Minute, 0, 40, 50 * time.Second},
		"but never hammers":            {4 * time.Minute, 0, 0, 18750 * time.Millisecond},
		"by the metered link only":     {time.Minute, 5 * time.Minute, 40, 375 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.options.Pace = func() time.Duration { return tc.pace }
				r.options.Probe.Interval = tc.interval
				r.vpc.answersFor(tc.ttl, "10.0.6.105")
				r.start(t)
				pass(time.Hour)
				for _, gap := range r.vpc.gaps(5) {
					if gap != tc.want+roundTrip {
						t.Errorf("asked after %s, want %s", gap, tc.want)
					}
				}
				r.end(t)
			})
		})
	}
}

func TestStageDoesNotBelieveAnOldResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.answers("10.0.6.105")
		if _, err := r.prober.Probe(t.Context(), tun0()); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		r.start(t)
		r.reports.is(t, status.Starting, status.ReasonConnecting, "asking 10.0.0.2")
		pass(roundTrip)
		r.reports.is(t, status.OK, status.ReasonReady, ready)
		r.end(t)
	})
}

// resolverFaults are the ways in which a resolver itself fails.
var resolverFaults = map[string]struct {
	set    func(*fakeVPC)
	reason status.Reason
	text   string
	wait   time.Duration // until it is known
}{
	"silent":   {(*fakeVPC).isSilent, status.ReasonNoAnswer, "no answer from 10.0.0.2", silence},
	"refusing": {(*fakeVPC).refuses, status.ReasonNoAnswer, "10.0.0.2 refuses: no DNS server there", roundTrip},
	"SERVFAIL": {func(f *fakeVPC) { f.fails(dns.RcodeServerFailure) }, status.ReasonServerFailed, "10.0.0.2 answers SERVFAIL", roundTrip},
	"REFUSED":  {func(f *fakeVPC) { f.fails(dns.RcodeRefused) }, status.ReasonServerFailed, "10.0.0.2 answers REFUSED", roundTrip},
}

func TestStageIsDownAfterFailuresFromTheStart(t *testing.T) {
	for name, fault := range resolverFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				fault.set(r.vpc)
				r.start(t)
				pass(fault.wait)
				r.reports.is(t, status.Starting, fault.reason, fault.text+" yet, try 1 of 3")
				since := timeOfDay(time.Now())
				pass(75 * time.Second)
				r.reports.is(t, status.Down, fault.reason, fault.text+" since "+since)
				if got, want := r.reports.states(0), []status.State{status.Starting, status.Down}; !slices.Equal(got, want) {
					t.Errorf("went through %v", got)
				}
				r.vpc.answers("10.0.6.105")
				pass(2 * time.Minute) // the first answer may come over TCP, late
				r.reports.is(t, status.OK, status.ReasonReady, ready)
				r.end(t)
			})
		})
	}
}

func TestStageHoldsWhenTheResolverFails(t *testing.T) {
	for name, fault := range resolverFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.vpc.answers("10.0.6.105")
				r.start(t)
				pass(roundTrip)
				fault.set(r.vpc)
				pass(18750*time.Millisecond + fault.wait)
				since := time.Now()
				held := fault.text + " since " + timeOfDay(since) + "; holding until " + timeOfDay(since.Add(2*time.Minute))
				r.reports.is(t, status.Degraded, fault.reason, held)
				before := r.reports.count()
				pass(2*time.Minute - time.Nanosecond)
				r.reports.is(t, status.Degraded, fault.reason, held)
				pass(time.Nanosecond)
				r.reports.is(t, status.Down, fault.reason, fault.text+" since "+timeOfDay(since))
				pass(10 * time.Minute)
				if got, want := r.reports.states(before), []status.State{status.Down}; !slices.Equal(got, want) {
					t.Errorf("after the hold it went through %v", got)
				}
				for _, gap := range r.vpc.gaps(5) {
					if gap > 15*time.Second*5/4+fault.wait {
						t.Errorf("in doubt it asked after %s only", gap)
					}
				}
				r.vpc.answers("10.0.6.105")
				pass(2 * time.Minute) // the first answer may come over TCP, late
				r.reports.is(t, status.OK, status.ReasonReady, ready)
				r.end(t)
			})
		})
	}
}

func TestStageEndsTheHoldHoweverFewTheFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.options.Probe.DownAfter = 1000
		r.start(t) // silent from the start
		pass(silence)
		since := timeOfDay(time.Now())
		pass(2 * time.Minute)
		r.reports.is(t, status.Down, status.ReasonNoAnswer, "no answer from 10.0.0.2 since "+since)
		r.end(t)
	})
}

// A VPC outside private_cidrs is no zone that is missing.
func TestStageNamesWhatPrivateCIDRsLeaveOut(t *testing.T) {
	h := health{
		last:     Result{At: time.Now(), Server: mustAddrs("10.0.0.2")[0], Addresses: mustAddrs("10.0.6.105", "10.1.0.9")},
		prefixes: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
	}
	const want = "if 10.0.6.105 is the VPC's, add its range to `endpoint.private_cidrs`; until then nothing is sent."
	if u := h.judge(HostState{Pointed: true}); u.Reason != status.ReasonPublicAnswer || u.Hint != want {
		t.Errorf("%s, hint %q", u.Reason, u.Hint)
	}
	h.last.Addresses = mustAddrs("10.0.6.105", "198.51.100.80")
	if u := h.judge(HostState{Pointed: true}); strings.Contains(u.Hint, "private_cidrs") {
		t.Errorf("with a public address as well: hint %q", u.Hint)
	}
}

func TestStageSaysWhatTheZoneLacks(t *testing.T) {
	for name, tc := range map[string]struct {
		set    func(*fakeVPC)
		reason status.Reason
		detail string
		hint   string
	}{
		"no name":   {func(f *fakeVPC) { f.fails(dns.RcodeNameError) }, status.ReasonNXDomain, "10.0.0.2 does not know the endpoint's name", "private hosted zone iot.ap-northeast-1.amazonaws.com a record " + testHost},
		"no record": {func(f *fakeVPC) { f.answers() }, status.ReasonNXDomain, "10.0.0.2 has no A record for the endpoint's name", "private hosted zone iot.ap-northeast-1.amazonaws.com a record " + testHost},
		"public":    {func(f *fakeVPC) { f.answers("198.51.100.80") }, status.ReasonPublicAnswer, "10.0.0.2 answers 198.51.100.80, not private", "associate the private hosted zone that holds " + testHost},
		"mixed":     {func(f *fakeVPC) { f.answers("198.51.100.80", "10.0.6.105") }, status.ReasonPublicAnswer, "10.0.0.2 answers 198.51.100.80, not private", "VPC of resolver 10.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				tc.set(r.vpc)
				r.start(t)
				pass(roundTrip)
				r.reports.is(t, status.Degraded, tc.reason, tc.detail)
				if hint := r.reports.last().Hint; !strings.Contains(hint, tc.hint) {
					t.Errorf("hint %q", hint)
				}
				r.end(t)
			})
		})
	}
}
