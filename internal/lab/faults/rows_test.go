package faults

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// TestWantsAreWordsOfStatus: a cause that status has no words for is a slip.
func TestWantsAreWordsOfStatus(t *testing.T) {
	for _, row := range Rows() {
		for _, w := range row.Want {
			// A word that no table has is explained as another.
			own, anyStage := w.Stage+"-"+string(w.Reason), "any-"+string(w.Reason)
			if a := status.Anchor(w.Stage, w.Reason); w.Stage != "daemon" && a != own && a != anyStage {
				t.Errorf("%s: status has no words for %s", row.Name, w)
			}
		}
	}
}

// TestSoakRowsNeedNothing: a lab that runs cannot be given options any more, and
// what passes by itself needs no stand-in.
func TestSoakRowsNeedNothing(t *testing.T) {
	soaked := 0
	for _, row := range Rows() {
		if !row.Soak {
			continue
		}
		soaked++
		if !reflect.DeepEqual(row.Options, lab.Options{}) {
			t.Errorf("%s: a soak cannot give it its options", row.Name)
		}
	}
	if soaked < 20 {
		t.Errorf("%d rows for the soak", soaked)
	}
}

// TestRowsAreTold: a row is chosen and read by its name, and two of one name would
// overwrite each other's logs.
func TestRowsAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Rows() {
		if seen[row.Name] || row.Name == "" || row.How == "" {
			t.Errorf("row %q: %q, seen before: %v", row.Name, row.How, seen[row.Name])
		}
		seen[row.Name] = true
	}
}

// TestUnknownTunnels: each notification of the flood is a whole one, as long as
// real ones and not the repetition of another.
func TestUnknownTunnels(t *testing.T) {
	seen := map[string]bool{}
	for i := range 100 {
		var n struct {
			Token    string   `json:"clientAccessToken"`
			Mode     string   `json:"clientMode"`
			Region   string   `json:"region"`
			Services []string `json:"services"`
		}
		if err := json.Unmarshal([]byte(unknownTunnel(i)), &n); err != nil {
			t.Fatal(err)
		}
		if len(n.Token) != floodToken || n.Mode != "destination" || n.Region != lab.Region || !slices.Equal(n.Services, []string{"SSH"}) {
			t.Errorf("notification %d: %+v", i, n)
		}
		if seen[n.Token] {
			t.Errorf("notification %d is another's", i)
		}
		seen[n.Token] = true
	}
}

func TestWhatStaysIsNoLeak(t *testing.T) {
	left := []string{"route 10.0.30.5: 1, before 0", "route 10.0.6.110: 1, before 0"}
	r := Result{Row: Row{Stays: "10.0.30."}}
	if got := r.leaks(slices.Clone(left)); !slices.Equal(got, left[1:]) {
		t.Errorf("of %v it is %v that leaks", left, got)
	}
	r.Stays = ""
	if got := r.leaks(slices.Clone(left)); !slices.Equal(got, left) {
		t.Errorf("with nothing that may stay, of %v it is %v that leaks", left, got)
	}
}

// TestLiftingWhatWasNotInjected: in a soak a fault may come to nothing, and its
// end comes all the same.
func TestLiftingWhatWasNotInjected(t *testing.T) {
	for name, end := range map[string]func(context.Context, *Rig) error{
		"a distortion": distorted("", "", lab.Distortion{}, nil).Lift, "a rival": takeover().Lift, "a dead address": addressDead().After,
		"a service down": serviceDown().After, "a service lost": serviceLost().After, "a half-open tunnel": serviceHalfOpen().Lift,
		"its end": serviceHalfOpen().After, "a tunnel without sshd": sshdDead().After,
	} {
		if err := end(t.Context(), &Rig{}); !errors.Is(err, errNotInjected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
