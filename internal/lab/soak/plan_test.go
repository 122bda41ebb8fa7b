package soak

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"edgeagent/internal/lab/faults"
	"edgeagent/internal/status"
)

// some are rows of all places, two each.
func some() []faults.Row {
	var rows []faults.Row
	for _, place := range []string{"link", "dns", "broker", placeWork, placeDaemon} {
		for _, name := range []string{" one", " two"} {
			rows = append(rows, faults.Row{Name: place + name, Want: at(place)})
		}
	}
	return append(rows, faults.Row{Name: "absorbed one"}, faults.Row{Name: "absorbed two"})
}

func drawn(p *plan, n int, kills bool) (names []string, rounds []round) {
	for range n {
		r := p.next(kills)
		rounds = append(rounds, r)
		for _, s := range r.steps {
			names = append(names, s.row.Name)
		}
	}
	return names, rounds
}

// TestSeedRepeats: a seed is all that is needed to play the same again.
func TestSeedRepeats(t *testing.T) {
	one, _ := drawn(newPlan(7, some()), 200, true)
	two, _ := drawn(newPlan(7, some()), 200, true)
	other, _ := drawn(newPlan(8, some()), 200, true)
	if !slices.Equal(one, two) {
		t.Error("the same seed gives another order")
	}
	if slices.Equal(one, other) {
		t.Error("another seed gives the same order")
	}
}

// TestRounds: all rows come, two at a time now and then, in an order in which they
// can be played and lifted.
func TestRounds(t *testing.T) {
	names, rounds := drawn(newPlan(1, some()), 300, true)
	times := map[string]int{}
	for _, name := range names {
		times[name]++
	}
	for _, row := range some() {
		// The bag is drawn from in order but for what does not fit a pair.
		if want := len(names) / len(some()); times[row.Name] < want-2 || times[row.Name] > want+2 {
			t.Errorf("%s came %d times, want about %d", row.Name, times[row.Name], want)
		}
	}
	pairs := 0
	for _, r := range rounds {
		for _, s := range r.steps {
			if s.lasts < shortest || s.lasts > longest {
				t.Errorf("%s lasts %s", s.row.Name, s.lasts)
			}
		}
		if lifted := slices.Sorted(slices.Values(r.lift)); len(lifted) != len(r.steps) || lifted[len(lifted)-1] != len(r.steps)-1 {
			t.Errorf("%s are lifted as %v", r.names(), r.lift)
		}
		if len(r.steps) == 1 {
			continue
		}
		pairs++
		a, b := r.steps[0].row, r.steps[1].row
		if !overlap(a, b) || place(b) == placeWork || place(a) == placeDaemon {
			t.Errorf("%s at the same time, in this order", r.names())
		}
	}
	if pairs < 50 || pairs > 150 {
		t.Errorf("%d of %d rounds are pairs, want about %g", pairs, len(rounds), inPairs)
	}
}

func TestOverlap(t *testing.T) {
	row := func(place string) faults.Row {
		if place == "" {
			return faults.Row{}
		}
		return faults.Row{Want: at(place)}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"link", "link", false}, {"link", "dns", true}, {"", "", false}, {"", "link", false}, {"", placeWork, true},
		{placeWork, placeWork, false}, {placeWork, placeDaemon, true}, {placeDaemon, "broker", true},
	} {
		if got := overlap(row(c.a), row(c.b)); got != c.want || overlap(row(c.b), row(c.a)) != got {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}

// TestWithoutKills: the daemon that is watched for growth is not killed.
func TestWithoutKills(t *testing.T) {
	p := newPlan(3, some())
	drawn(p, 20, true)
	names, _ := drawn(p, 300, false)
	for _, name := range names {
		if name == "daemon one" || name == "daemon two" {
			t.Fatalf("%s came", name)
		}
	}
}

// TestRows: what is played by everyone is there, under one name each, and at
// least what this package itself brings.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range rows(nil) {
		if seen[row.Name] {
			t.Errorf("%s is there twice", row.Name)
		}
		seen[row.Name] = true
		if row.Inject == nil {
			t.Errorf("%s does nothing", row.Name)
		}
	}
	if len(seen) < 15 {
		t.Errorf("%d rows", len(seen))
	}
}

// TestTramplesAreRare: the agent would leave the device's DNS alone for an hour.
func TestTramplesAreRare(t *testing.T) {
	trampled := faults.Row{Name: "trampled", Want: []faults.Want{{Stage: "dns", Reason: status.ReasonHostTrampled}}}
	_, rounds := drawn(newPlan(5, append(some(), trampled, trampled, trampled)), 500, true)
	last, times := -spared-1, 0
	for i, r := range rounds {
		for _, s := range r.steps {
			if s.row.Name != "trampled" {
				continue
			}
			if i-last <= spared {
				t.Errorf("rounds %d and %d trample", last, i)
			}
			last, times = i, times+1
		}
	}
	if times < 5 {
		t.Errorf("%d of %d rounds trample", times, len(rounds))
	}
}

// TestFewRows: a plan of what cannot be paired, or may not come, comes to an end.
func TestFewRows(t *testing.T) {
	only := rows(regexp.MustCompile("^(openvpn hangs|daemon killed)$"))
	if len(only) != 2 {
		t.Fatalf("%d rows, want the 2 asked for", len(only))
	}
	for _, row := range only {
		for _, kills := range []bool{true, false} {
			names, _ := drawn(newPlan(3, []faults.Row{row}), 50, kills)
			if want := kills || !ends(row); want != (len(names) == 50) || !want && len(names) > 0 {
				t.Errorf("%s came %d times in 50 rounds, where the daemon may be killed: %t", row.Name, len(names), kills)
			}
		}
	}
}

// TestWaits: what stands in the way is noted once for as long as it does.
func TestWaits(t *testing.T) {
	s := &soak{began: time.Now()}
	for _, what := range []string{"link is down: 3 s", "link is down: 2 s", "dns is down: x", "link is down: 1 s"} {
		s.waitsFor(what)
	}
	var got []string
	for _, w := range s.waits {
		got = append(got, w.what)
	}
	if want := []string{"link is down", "dns is down", "link is down"}; !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}
}
