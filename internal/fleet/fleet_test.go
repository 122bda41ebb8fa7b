package fleet

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"edgeagent/internal/config"
)

// A quarter of the report's fleet and quota. The key says what it says for the
// whole, as the page tells those whose quota is not 500.
const (
	testDevices = VPCEndpoint / 4
	testQuota   = Quota / 4
)

// tuned is edgeagent with the fleet key, with ids in a row.
func tuned() Kind { return Kinds(VPCEndpoint)[1] }

func strike(k Kind, devices, quota int, outage time.Duration) *Result {
	return Storm{Devices: devices, Quota: quota, Outage: outage, Seed: 1, New: k.New}.Run()
}

// What is promised of mqtt.fleet: all back within 1.3 times the optimum, and
// never more than a tenth over the quota.
func TestFleetInTurnHoldsTheQuotaAndItsTime(t *testing.T) {
	for _, outage := range []time.Duration{30 * time.Second, 10 * time.Minute} {
		r := strike(tuned(), testDevices, testQuota, outage)
		if r.Lost != testDevices || len(r.Back) != testDevices {
			t.Fatalf("%v: %d lost, %d back, want all", outage, r.Lost, len(r.Back))
		}
		if limit := testQuota * 110 / 100; r.Peak() > limit || r.Ratio() > 1.3 {
			t.Errorf("%v: peak %d, want %d; ratio %.2f, want 1.3", outage, r.Peak(), limit, r.Ratio())
		}
	}
}

// The same for ids by chance, at their full number: chance weighs less there.
func TestFleetOfSerialsHoldsTheQuotaAndItsTime(t *testing.T) {
	r := strike(Kinds(VPCEndpoint)[2], VPCEndpoint, Quota, 30*time.Second)
	if limit := Quota * 110 / 100; r.Peak() > limit || r.Ratio() > 1.3 {
		t.Errorf("peak %d, want %d; ratio %.2f, want 1.3", r.Peak(), limit, r.Ratio())
	}
}

// Ten seconds cost nearly nobody the session, and who lost it is back within a window.
func TestShortOutageIsNoStorm(t *testing.T) {
	for _, k := range Kinds(VPCEndpoint)[:3] {
		r := strike(k, testDevices, testQuota, 10*time.Second)
		all, ok := r.Until(1)
		if r.Lost == 0 || r.Lost > testDevices/20 || !ok || all > 230*time.Second {
			t.Errorf("%s: %d of %d lost, the last back after %v", k.Name, r.Lost, testDevices, all)
		}
	}
}

// Without the key a device is as fast as its link, for itself as in company: that
// is the reason for the key.
func TestWithoutTheKeyEverybodyIsFastAndTogether(t *testing.T) {
	alone := Kinds(VPCEndpoint)[0]
	one := strike(alone, 1, testQuota, 10*time.Minute)
	if all, ok := one.Until(1); !ok || all > 40*time.Second || one.Refused != 0 {
		t.Errorf("a single device is back after %v, refused %d times", all, one.Refused)
	}
	const share = 50
	many := strike(alone, VPCEndpoint/share, Quota/share, 10*time.Minute)
	if many.Peak() < 10*Quota/share {
		t.Errorf("peak %d: then nobody needs the key", many.Peak())
	}
}

// The CONNECT of a device without the key follows its link at once.
func TestWithoutTheKeyTheLinksReturnIsTheDevices(t *testing.T) {
	dice := Dice{rand.New(rand.NewPCG(3, 3))}
	o := Outage{From: epoch, Back: epoch.Add(5 * time.Minute)}
	fleet := config.Default()
	fleet.MQTT.Fleet = VPCEndpoint
	late := 0
	for range 100 {
		at, lost := Agent(config.Default(), "gw-042", dice).Lost(o)
		if wait := at.Sub(o.Back); !lost || wait < 0 || wait > 40*time.Second {
			t.Fatalf("lost %v, back after %v", lost, wait)
		}
		if at, _ := Agent(fleet, "gw-042", dice).Lost(o); at.Sub(o.Back) > 40*time.Second {
			late++
		}
	}
	if late == 0 {
		t.Error("no device of a fleet waits for a turn")
	}
}

func TestSameSeedSameStorm(t *testing.T) {
	run := func(seed uint64) *Result {
		return Storm{Devices: 500, Quota: 5, Outage: 10 * time.Minute, Seed: seed, New: Kinds(500)[0].New}.Run()
	}
	if a, b := run(1), run(1); !reflect.DeepEqual(a, b) {
		t.Error("the same seed gave another storm")
	}
	if a, b := run(1), run(2); reflect.DeepEqual(a.Back, b.Back) {
		t.Error("another seed gave the same storm")
	}
}

func TestEndpointAcceptsTheQuotaInAnySecond(t *testing.T) {
	const quota = 7
	source := rand.New(rand.NewPCG(5, 5))
	e, at := newEndpoint(quota), epoch
	var accepted []time.Time
	for range 10_000 {
		at = at.Add(time.Duration(source.Int64N(int64(100 * time.Millisecond))))
		if e.accepts(at) {
			accepted = append(accepted, at)
		}
	}
	for i := quota; i < len(accepted); i++ {
		if gap := accepted[i].Sub(accepted[i-quota]); gap < time.Second {
			t.Fatalf("%d accepted within %v", quota+1, gap)
		}
	}
	if rate := float64(len(accepted)) / at.Sub(epoch).Seconds(); rate < 0.9*quota {
		t.Errorf("%.1f a second accepted of a quota of %d", rate, quota)
	}
}
