package check

import (
	"context"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// gives is a check that comes out as o.
func gives(id string, o outcome, needs ...string) check {
	return check{id: id, needs: needs, run: func(context.Context, *examination) outcome { return o }}
}

// stateOf returns the result of one check.
func stateOf(t *testing.T, r Report, id string) Result {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c Result) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no result for %s in %+v", id, r.Checks)
	}
	return r.Checks[i]
}

func TestWhatLacksItsGroundIsSkipped(t *testing.T) {
	r, err := runChecks(t.Context(), Options{}, []check{
		gives("a", fault(plain("broken"), plain("mend it"))),
		gives("b", ok(plain("fine")), "a"),
		gives("c", ok(plain("fine")), "b"),
		gives("d", warning(plain("soon"), plain("mind it"))),
		gives("e", ok(plain("fine")), "d"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]State{"a": Error, "b": Skipped, "c": Skipped, "d": Warning, "e": OK} {
		if got := stateOf(t, r, id); got.State != want {
			t.Errorf("%s is %+v, want %s", id, got, want)
		}
	}
	if got := stateOf(t, r, "b").Finding; got != "waits for a" {
		t.Errorf("b says %q", got)
	}
	if r.State != Error {
		t.Errorf("the whole is %s", r.State)
	}
}

func TestWhatComesAfterRunsAnyway(t *testing.T) {
	late := gives("b", ok(plain("fine")))
	late.after = []string{"a"}
	r, err := runChecks(t.Context(), Options{}, []check{gives("a", fault(plain("broken"), plain(""))), late}, nil)
	if err != nil || stateOf(t, r, "b").State != OK {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestLearningReachesThoseThatStandOnIt(t *testing.T) {
	reads := check{id: "b", needs: []string{"a"}, run: func(_ context.Context, x *examination) outcome { return ok(plain(x.uplink.device)) }}
	r, err := runChecks(t.Context(), Options{}, []check{
		gives("a", ok(plain("")).learning(func(x *examination) { x.uplink.device = "eth7" })), reads,
	}, nil)
	if err != nil || stateOf(t, r, "b").Finding != "eth7" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestChoosing(t *testing.T) {
	checks := []check{gives("config", ok(plain(""))), gives("dns", ok(plain("")), "config"), gives("dns.os", ok(plain(""))), gives("other", fault(plain(""), plain("")))}
	for _, tc := range []struct{ ids, want string }{
		{"", "config dns dns.os other"},
		{"dns", "dns dns.os"},
		{"dns.os config", "config dns.os"},
	} {
		r, err := runChecks(t.Context(), Options{}, checks, strings.Fields(tc.ids))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range r.Checks {
			got = append(got, c.ID)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q gives %v, want %s", tc.ids, got, tc.want)
		}
	}
	if _, err := runChecks(t.Context(), Options{}, checks, []string{"dsn"}); err == nil || !strings.Contains(err.Error(), "config, dns, dns.os, other") {
		t.Errorf("unknown id: %v", err)
	}
}

// TestTable: nothing stands on what comes after it, or on what is not there.
func TestTable(t *testing.T) {
	before := map[string]bool{}
	for _, c := range all() {
		for _, id := range slices.Concat(c.needs, c.after) {
			if !before[id] {
				t.Errorf("%s stands on %s, which does not come before it", c.id, id)
			}
		}
		if before[c.id] {
			t.Errorf("%s is there twice", c.id)
		}
		if c.run == nil {
			t.Errorf("%s does nothing", c.id)
		}
		before[c.id] = true
	}
	for _, kind := range []string{"config", "files", "clock", "uplink", "link", "dns", "endpoint", "broker", "tunnel"} {
		if _, err := choose(all(), []string{kind}); err != nil {
			t.Error(err)
		}
	}
}

func TestText(t *testing.T) {
	r := Report{Device: "gw-042", State: Error, Checks: []Result{
		{ID: "config", State: OK, Finding: "/etc/edgeagent/edgeagent.yaml: gw-042, 1 link(s)"},
		{ID: "files", State: Error, Finding: "first fault\nsecond fault", Fix: "do this."},
		{ID: "clock", State: Warning, Finding: "no time server has confirmed it", Fix: strings.Repeat("set the clock ", 8)},
		{ID: "link", State: Skipped, Finding: "waits for files"},
	}}
	want := `gw-042  1 error, 1 warning: begin with files
  ok    config            /etc/edgeagent/edgeagent.yaml: gw-042, 1 link(s)
  ERROR files             first fault
                          second fault
                          Fix: do this.
  warn  clock             no time server has confirmed it
                          Fix: set the clock set the clock set the clock set the
                               clock set the clock set the clock set the clock
                               set the clock
  skip  link              waits for files
`
	if got := r.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoLineIsTooLong: names and paths are longer than the column of findings.
func TestNoLineIsTooLong(t *testing.T) {
	const name = "cvpn-endpoint-0123456789abcdef0.prod.clientvpn.ap-northeast-1.amazonaws.com"
	long := plain(name + ": no answer; /etc/" + strings.Repeat("x", 100))
	r, err := runChecks(t.Context(), Options{}, []check{gives("link", fault(long, long))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []status.Language{status.English, status.Japanese} {
		text := r.TextIn(l)
		for line := range strings.Lines(text) {
			if w := status.Width(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("%d columns: %s", w, line)
			}
		}
		if joined := strings.Join(strings.Fields(text), ""); !strings.Contains(joined, name) || !strings.Contains(joined, strings.Repeat("x", 100)) {
			t.Errorf("something is lost:\n%s", text)
		}
	}
	if !strings.Contains(r.Text(), "  cvpn-endpoint-0123456789abcdef0.prod.clientvpn.ap-\n") {
		t.Errorf("not broken at a dash:\n%s", r.Text())
	}
}
