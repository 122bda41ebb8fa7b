package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestStageSaysWhoTrampledTheHost(t *testing.T) {
	for name, tc := range map[string]struct {
		host   HostState
		detail string
	}{
		"nobody pointed it": {
			HostState{Mode: config.HostNone, Detail: "edgeagent resolver apply was not run"},
			"other programs on this device do not ask the agent (edgeagent resolver apply was not run)",
		},
		"somebody changed it": {
			HostState{Mode: config.HostFile, Culprit: "NetworkManager", Repairs: 10, GaveUp: true},
			"other programs on this device do not ask the agent: changed by NetworkManager, given up after 10 repairs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.vpc.answers("10.0.6.105")
				r.start(t)
				pass(roundTrip)
				r.setHost(tc.host)
				r.reports.is(t, status.Degraded, status.ReasonHostTrampled, tc.detail)
				r.reports.fact(t, "host", tc.host.Mode)
				r.setHost(HostState{Mode: config.HostFile, Pointed: true})
				r.reports.is(t, status.OK, status.ReasonReady, ready)
				if n := r.vpc.questions(); n != 1 {
					t.Errorf("%d questions because of the host", n)
				}
				r.end(t)
			})
		})
	}
}

func TestStageLeavesTheHostAloneWhenToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.options.Config.Host = config.HostNone
		r.host = HostState{Mode: config.HostNone}
		r.vpc.answers("10.0.6.105")
		r.start(t)
		pass(roundTrip)
		r.reports.is(t, status.OK, status.ReasonReady, ready+"; other programs are on their own")
		r.end(t)
	})
}

func TestStageFollowsThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.answers("10.0.6.105")
		r.start(t)
		pass(roundTrip)
		before := r.reports.count()

		renewed := tun0("10.0.0.2")
		renewed.Index++
		r.move(&renewed)
		if p := r.stubPath(); p == nil || p.Index != renewed.Index {
			t.Errorf("the stub's path is %v", p)
		}
		pass(roundTrip)
		r.reports.is(t, status.OK, status.ReasonReady, ready)
		want := []status.State{status.Starting, status.OK}
		if got := r.reports.states(before); !slices.Equal(got, want) {
			t.Errorf("over a new device it went through %v", got)
		}

		r.move(nil)
		r.reports.is(t, status.Down, status.ReasonNoAnswer, "the link carries no path")
		if p := r.stubPath(); p != nil {
			t.Errorf("without a path the stub has %v", p)
		}
		asked := r.vpc.questions()
		pass(time.Hour)
		if n := r.vpc.questions(); n != asked {
			t.Errorf("%d questions without a path", n-asked)
		}
		r.end(t)
	})
}

func TestStageTakesOtherServersWithoutALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.answers("10.0.6.105")
		r.start(t)
		pass(roundTrip)
		before := r.reports.count()
		more := tun0("10.0.0.9", "10.0.0.2")
		r.move(&more)
		if p := r.stubPath(); len(p.Servers) != 2 {
			t.Errorf("the stub asks %v", p.Servers)
		}
		if got, want := r.reports.states(before), []status.State{status.OK}; !slices.Equal(got, want) {
			t.Errorf("it went through %v", got)
		}
		r.reports.fact(t, "servers", []string{"10.0.0.9", "10.0.0.2"})
		r.end(t)
	})
}

func TestStageRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.isSilent()
		for range 2 {
			r.start(t)
			pass(time.Second)
			if n := r.vpc.underWay(); n != 1 {
				t.Fatalf("%d questions under way", n)
			}
			r.end(t)
			if n := r.vpc.underWay(); n != 0 {
				t.Errorf("it ended with %d questions under way", n)
			}
		}
		if !r.prober.Last().At.IsZero() {
			t.Errorf("a question that was cut off left %+v", r.prober.Last())
		}
	})
}

func TestStageLogsChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStageRig()
		r.vpc.answers("10.0.6.105")
		r.start(t)
		pass(time.Hour)
		before, more := r.reports.count(), tun0("10.0.0.2", "10.0.0.3")
		r.move(&more)
		if r.reports.count() == before {
			t.Error("other servers are not reported")
		}
		r.vpc.fails(dns.RcodeServerFailure)
		pass(time.Hour)
		r.end(t)
		var lines []string
		for line := range strings.Lines(r.log.String()) {
			_, rest, _ := strings.Cut(line, "level=")
			lines = append(lines, strings.Join(strings.Fields(rest)[:4], " "))
		}
		want := []string{
			`INFO msg="dns is starting"`, `INFO msg="dns is ok"`, `WARN msg="dns is degraded"`, `WARN msg="dns is down"`,
		}
		if !slices.Equal(lines, want) {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestDomainsText(t *testing.T) {
	for want, domains := range map[string][]string{
		"no names":                 nil,
		"all names":                {"."},
		"amazonaws.com":            {"amazonaws.com"},
		"amazonaws.com and 2 more": {"amazonaws.com", "a.internal", "b.internal"},
	} {
		if got := domainsText(domains); got != want {
			t.Errorf("%v: %q, want %q", domains, got, want)
		}
	}
}

func TestNotIn(t *testing.T) {
	var none []netip.Addr
	if got := notIn(testPrefixes, mustAddrs("10.1.2.3", "100.127.255.255")); !slices.Equal(got, none) {
		t.Errorf("public: %v", got)
	}
	want := mustAddrs("11.0.0.0", "0.0.0.0")
	if got := notIn(testPrefixes, mustAddrs("10.1.2.3", "11.0.0.0", "0.0.0.0")); !slices.Equal(got, want) {
		t.Errorf("public: %v, want %v", got, want)
	}
}
