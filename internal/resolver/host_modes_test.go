package resolver

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
)

func TestResolvedModeLeavesResolvConfAlone(t *testing.T) {
	r := newHostRig(t)
	ubuntu(t, r)
	before := r.snapshot(t)
	r.apply(t)
	if got := r.snapshot(t); got != before {
		t.Errorf("etc is\n%s, was\n%s", got, before)
	}
	want := fakeLink{There: true, Server: netip53(53), Domains: []string{"amazonaws.com"}}
	if got := r.fake().load(); got.Server != want.Server || !slices.Equal(got.Domains, want.Domains) {
		t.Errorf("the link is %+v, want %+v", got, want)
	}
	if s := r.inspect(r.decide()); s.Mode != config.HostResolved || !s.Pointed || s.Detail != "" {
		t.Errorf("state %+v", s)
	}
	if up := r.Upstream(); len(up) != 1 || up[0] != netip.MustParseAddrPort("192.0.2.53:53") {
		t.Errorf("upstream %v", up)
	}
	r.restore(t)
	if r.fake().present() {
		t.Error("the link is still there")
	}
}

func (r *hostRig) fake() *fakeResolved { return r.resolved.control.(*fakeResolved) }

// What resolved has right already is not set again: each change makes it drop
// what it knows of its servers.
func TestResolvedModeIsIdempotent(t *testing.T) {
	r := newHostRig(t)
	ubuntu(t, r)
	r.apply(t)
	r.stepping(func(call string) { t.Errorf("applied once more: %s", call) })
	r.apply(t)
}

// Programs that read a resolv.conf with the uplink's servers would go past both
// stubs.
func TestResolvedModeReplacesAResolvConfThatLeadsPastIt(t *testing.T) {
	r := newHostRig(t)
	ubuntu(t, r)
	r.link(t, "../run/systemd/resolve/resolv.conf", "etc/resolv.conf")
	before := r.snapshot(t)
	r.apply(t)
	r.wantServers(t, stubAddr)
	if !r.fake().present() {
		t.Error("systemd-resolved is not told")
	}
	r.restore(t)
	if got := r.snapshot(t); got != before {
		t.Errorf("etc is\n%s, was\n%s", got, before)
	}
}

func TestResolvedModeNamesARival(t *testing.T) {
	for domain, rivals := range map[string]bool{
		"amazonaws.com":                true, // both would be asked
		"ap-northeast-1.AmazonAWS.com": true, // the longer one wins
		"com":                          false,
		"site.example":                 false,
		"notamazonaws.com":             false,
		".":                            false,
	} {
		r := newHostRig(t)
		ubuntu(t, r)
		r.put(t, "etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n")
		r.apply(t)
		if err := r.fake().change("claim", func(l *fakeLink) { l.Claims = []claim{{"eth0", domain}} }); err != nil {
			t.Fatal(err)
		}
		d := r.decide()
		s := r.inspect(d)
		if s.Pointed == rivals {
			t.Errorf("%s: pointed %v (%s)", domain, s.Pointed, s.Detail)
		}
		if rivals && (!strings.Contains(s.Detail, "the servers of eth0 for "+domain) || r.findCulprit(d) != "the network settings of eth0") {
			t.Errorf("%s: %s, by %s", domain, s.Detail, r.findCulprit(d))
		}
	}
}

// Without nss-resolve every program can be taken past resolved.
func TestResolvedModeGivesWayToFileForARival(t *testing.T) {
	r := newHostRig(t)
	ubuntu(t, r)
	r.apply(t)
	if err := r.fake().change("claim", func(l *fakeLink) { l.Claims = []claim{{"eth0", "amazonaws.com"}} }); err != nil {
		t.Fatal(err)
	}
	w := r.watch(t)
	s := w.await(t, "pointed by file", func(s HostState) bool { return s.Pointed && s.Mode == config.HostFile })
	if s.Repairs != 1 {
		t.Errorf("state %+v", s)
	}
	r.wantServers(t, stubAddr)
	if r.fake().present() {
		t.Error("the link of mode resolved is still there")
	}
}

func TestWatchRepairsResolved(t *testing.T) {
	for name, tc := range map[string]struct {
		trample         func(*fakeLink)
		culprit, detail string
	}{
		"link removed": {func(l *fakeLink) { *l = fakeLink{} }, "whoever removed it", "is not there"},
		"domains lost": {func(l *fakeLink) { l.Domains = nil }, "whoever changed the link dns-edgeagent",
			"does not ask 127.0.0.153:53 for amazonaws.com"},
		"another server": {func(l *fakeLink) { l.Server = netip.MustParseAddrPort("192.0.2.1:53") },
			"whoever changed the link dns-edgeagent", "does not ask 127.0.0.153:53"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newHostRig(t)
			ubuntu(t, r)
			r.apply(t)
			w := r.watch(t)
			w.await(t, "pointed", pointed)
			if err := r.fake().change("trample", tc.trample); err != nil {
				t.Fatal(err)
			}
			if s := w.await(t, "lost", lost); s.Culprit != tc.culprit || !strings.Contains(s.Detail, tc.detail) {
				t.Errorf("told %+v", s)
			}
			if s := w.await(t, "repaired", pointed); s.Repairs != 1 || s.Mode != config.HostResolved {
				t.Errorf("told %+v", s)
			}
		})
	}
}

func TestResolvconfMode(t *testing.T) {
	r := newHostRig(t)
	bullseye(t, r)
	before := r.snapshotBytes(t)
	r.apply(t)
	r.wantServers(t, stubAddr)
	if got, _ := readConf(r.o.EtcResolvConf); !slices.Equal(got.search, []string{"site.example"}) {
		t.Errorf("search %v", got.search)
	}
	r.dhcp(t, "nameserver 198.51.100.53\nnameserver 198.51.100.54\nsearch site.example\n")
	r.wantServers(t, stubAddr)
	if up := r.Upstream(); len(up) != 2 || up[0] != netip.MustParseAddrPort("198.51.100.53:53") {
		t.Errorf("upstream %v", up)
	}
	r.stepping(func(call string) { t.Errorf("applied once more: %s", call) })
	r.apply(t)
	r.stepping(func(string) {})
	r.dhcp(t, "nameserver 192.0.2.53\nsearch site.example\n")
	r.restore(t)
	if got := r.snapshotBytes(t); got != before {
		t.Errorf("resolv.conf is\n%s, was\n%s", got, before)
	}
	r.stepping(func(call string) { t.Errorf("restored once more: %s", call) })
	r.restore(t)
}

// The unit's UMask= keeps others out of what the agent writes; this must be read
// by everybody, the daemon first.
func TestResolvconfModeWritesForAll(t *testing.T) {
	r := newHostRig(t)
	bullseye(t, r)
	defer unix.Umask(unix.Umask(0o027))
	r.apply(t)
	info, err := os.Stat(r.resolvconf.record())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o644 {
		t.Errorf("the record's mode is %s", info.Mode())
	}
}

// snapshotBytes is resolv.conf without its times: openresolv writes it anew.
func (r *hostRig) snapshotBytes(t testing.TB) string {
	t.Helper()
	info, err := os.Lstat(r.o.EtcResolvConf)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(r.o.EtcResolvConf)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().String() + " " + string(data)
}

// Records are asked in openresolv's order, whatever their directory's name.
func TestResolvconfRecords(t *testing.T) {
	r := newHostRig(t)
	r.put(t, "run/resolvconf/interfaces/wlan0.dhcp", "nameserver 192.0.2.2\n")
	r.put(t, "run/resolvconf/interfaces/eth0.dhcp", "nameserver 192.0.2.1\nsearch site.example\n")
	r.put(t, "run/resolvconf/keys/aaa", "nameserver 192.0.2.3\n")
	r.put(t, "run/resolvconf/interfaces/edgeagent", "nameserver 127.0.0.153\n")
	r.put(t, "run/resolvconf/metrics/0000202 eth0.dhcp", "")
	r.put(t, "run/resolvconf/metrics/0003003 wlan0.dhcp", "")
	r.put(t, "run/resolvconf/metrics/0000000 edgeagent", "")
	got := addrTexts(r.resolvconf.others().servers)
	if want := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("servers %v, want %v", got, want)
	}
	if search := r.Search(); !slices.Equal(search, []string{"site.example"}) {
		t.Errorf("search %v", search)
	}
}

// After a power cut the record is gone, but what openresolv made of it is not.
func TestResolvconfModeRestoresAfterAPowerCut(t *testing.T) {
	r := newHostRig(t)
	bullseye(t, r)
	before := r.snapshotBytes(t)
	r.apply(t)
	r.reboot(t)
	r.dhcpQuietly(t)
	hostRigIn(r.dir).restore(t)
	if got := r.snapshotBytes(t); got != before {
		t.Errorf("resolv.conf is\n%s, was\n%s", got, before)
	}
}

// reboot empties what lies in memory.
func (r *hostRig) reboot(t testing.TB) {
	t.Helper()
	for _, dir := range []string{r.o.RuntimeDir, r.o.ResolvconfDir, r.fake().path()} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// dhcpQuietly leaves a record that resolv.conf does not know of yet.
func (r *hostRig) dhcpQuietly(t testing.TB) {
	t.Helper()
	r.put(t, "run/resolvconf/interfaces/eth0.dhcp", "# resolv.conf from eth0.dhcp\nnameserver 192.0.2.53\nsearch site.example\n")
}

func TestWatchRepairsResolvconf(t *testing.T) {
	r := newHostRig(t)
	bullseye(t, r)
	r.apply(t)
	w := r.watch(t)
	w.await(t, "pointed", pointed)
	r.put(t, "etc/resolv.conf", "# Generated by resolvconf\nnameserver 192.0.2.53\n")
	if s := w.await(t, "lost", lost); s.Culprit != "resolvconf" {
		t.Errorf("told %+v", s)
	}
	w.await(t, "repaired", pointed)
	r.wantServers(t, stubAddr)
}

// A daemon without root asks its helper once; whoever restores by hand later is
// not fought.
func TestWatchRingsForWhatNobodyPointed(t *testing.T) {
	r := newHostRig(t)
	originals()["file"](t, r)
	rung := make(chan struct{}, 10)
	r.o.Repair = func(ctx context.Context) error {
		rung <- struct{}{}
		return hostRigIn(r.dir).Repair(ctx)
	}
	w := r.watch(t)
	w.await(t, "pointed by the helper", pointed)
	hostRigIn(r.dir).restore(t)
	w.await(t, "restored by hand", lost)
	if len(rung) != 1 {
		t.Errorf("rang %d times", len(rung))
	}
}

// Each run of the helper is a process of its own; all of them together have ten
// repairs.
func TestRepairCountsAcrossRuns(t *testing.T) {
	r := newHostRig(t)
	originals()["file"](t, r)
	r.apply(t)
	now := time.Now()
	for i := range maxRepairs + 2 {
		r.put(t, "etc/resolv.conf", "# Generated by NetworkManager\nnameserver 198.51.100.1\n")
		helper := hostRigIn(r.dir)
		if err := helper.repairAt(t.Context(), now.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		want := []string{stubAddr}
		if i >= maxRepairs {
			want = []string{"198.51.100.1"}
		}
		r.wantServers(t, want...)
		if n := helper.log.count("again and again"); (n == 1) != (i >= maxRepairs) {
			t.Errorf("repair %d: %s", i+1, helper.log.String())
		}
	}
	if err := hostRigIn(r.dir).repairAt(t.Context(), now.Add(repairWindow)); err != nil {
		t.Fatal(err)
	}
	r.wantServers(t, stubAddr)
}

func TestBudgetForgetsWhatCannotBe(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	b := budget{t.TempDir() + "/repairs"}
	writeTestFile(t, b.path, "2026-11-22T02:00:00Z\nrubbish\n2026-11-22T02:00:01Z\n2026-11-22T03:00:00.5Z\n")
	if got := b.spent(now); len(got) != 1 || !got[0].Equal(now.Add(time.Second-time.Hour)) {
		t.Errorf("spent %v", got)
	}
}

func FuzzBudget(f *testing.F) {
	f.Add([]byte("2026-11-22T02:00:01Z\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := budget{t.TempDir() + "/repairs"}
		if err := os.WriteFile(b.path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, at := range b.spent(now) {
			if at.After(now) || now.Sub(at) >= repairWindow {
				t.Errorf("%q: counts %s at %s", data, at, now)
			}
		}
	})
}

// A power cut between any two steps in the new modes leaves nothing behind.
func TestCrashAnywhereInOtherModes(t *testing.T) {
	for name, device := range map[string]func(testing.TB, *hostRig){"resolved": ubuntu, "resolvconf": bullseye} {
		for situation, applied := range map[string]bool{"untouched": false, "applied": true} {
			for operation := range operations {
				for recovery, recover := range modeRecoveries() {
					t.Run(strings.Join([]string{name, situation, operation, recovery}, " "), func(t *testing.T) {
						for n, crashed := 1, true; crashed; n++ {
							r := newHostRigAt(t, memoryDir(t))
							device(t, r)
							before := r.snapshotBytes(t)
							if applied {
								r.apply(t)
							}
							crashed = crashAt(t, hostRigIn(r.dir), operation, n)
							recover(t, hostRigIn(r.dir), device)
							if got := r.snapshotBytes(t); got != before || r.fake().present() || r.resolvconf.record() != "" || r.marker.get() != "" {
								t.Errorf("crash after step %d leaves link %v, record %q and\n%s, was\n%s",
									n, r.fake().present(), r.resolvconf.record(), got, before)
							}
						}
					})
				}
			}
		}
	}
}

func modeRecoveries() map[string]func(testing.TB, *hostRig, func(testing.TB, *hostRig)) {
	type device = func(testing.TB, *hostRig)
	return map[string]func(testing.TB, *hostRig, device){
		"restore": func(t testing.TB, r *hostRig, _ device) { r.restore(t) },
		"apply, restore": func(t testing.TB, r *hostRig, _ device) {
			r.apply(t)
			if s := r.inspect(r.decide()); !s.Pointed {
				t.Errorf("applied again: %+v", s)
			}
			r.restore(t)
		},
		"reboot, uplink, restore": func(t testing.TB, r *hostRig, uplink device) {
			r.reboot(t)
			uplink(t, r)
			r.restore(t)
		},
	}
}
