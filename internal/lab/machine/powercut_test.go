package machine

import (
	"math/rand/v2"
	"testing"
	"time"

	"edgeagent/internal/lab/rootfs"
)

// cuts is how often TestPowerCutsWhileWriting cuts the power.
const cuts = 8

// busy are things that write to the disk: to /etc/resolv.conf, the state and the journal.
var busy = []struct{ name, script string }{
	{"at boot", ""},
	{"while stopping", "systemctl --no-block stop edgeagent"},
	{"while restarting", "systemctl --no-block restart edgeagent"},
	{"while applying and restoring", "while :; do edgeagent resolver restore; edgeagent resolver apply; done >/dev/null 2>&1 &"},
}

func TestPowerCutsWhileWriting(t *testing.T) {
	needsMachine(t)
	needsDisk(t)
	t.Parallel()
	m := configured(t, system{Release: rootfs.Trixie, Machine: Options{Disk: 256}}, nil)
	own := m.lab.ResolvConf()
	sh(t, m, "sync")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range cuts {
		what := busy[i%len(busy)]
		if what.script == "" {
			must(t, m.PowerOff(within(t, testTimeout)))
			must(t, m.Start(within(t, testTimeout)))
		} else {
			sh(t, m, what.script)
		}
		wait := time.Duration(random.Int64N(int64(1500 * time.Millisecond)))
		<-time.After(wait) // the moment is the test
		must(t, m.PowerCut(within(t, testTimeout)))
		must(t, m.PowerOn(within(t, testTimeout)))
		took := waitOK(t, m)
		t.Logf("power cut %s, after %s: path up %s after the boot", what.name, wait.Round(time.Millisecond), took.Round(time.Millisecond))
		privateOnly(t, m)
		if t.Failed() {
			t.FailNow() // with the journal of this cut, not of the last
		}
	}
	sh(t, m, "systemctl stop edgeagent")
	if got := resolvConf(t, m); got != own {
		t.Errorf("resolv.conf after %d power cuts and a stop:\n%s\nwant:\n%s", cuts, got, own)
	}
	neverInTheOpen(t, m)
}

func TestPowerCutThenDisabledHasItsOwnDNS(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	needsDisk(t)
	m := configured(t, system{Release: rootfs.Bookworm, Machine: Options{Disk: 256}}, nil)
	sh(t, m, "systemctl disable edgeagent && sync")
	must(t, m.PowerCut(within(t, testTimeout)))
	must(t, m.PowerOn(within(t, testTimeout)))
	stays(t, m, "after the power cut", "disabled", "inactive")
	if got := resolvConf(t, m); got != m.lab.ResolvConf() {
		t.Errorf("resolv.conf of a disabled agent after a power cut:\n%s", got)
	}
}

// needsDisk skips a test where a machine cannot have a disk.
func needsDisk(t *testing.T) {
	t.Helper()
	if why := NoDisk(); why != "" {
		t.Skip(why)
	}
}
