package resolver

import (
	"os"
	"testing"
)

// TestTheUplinksServersAreNotForgotten: whatever is put in place of resolv.conf, the
// VPN server's name can be asked of somebody.
func TestTheUplinksServersAreNotForgotten(t *testing.T) {
	replaced := func(content string) func(*testing.T, *hostRig) {
		return func(t *testing.T, r *hostRig) {
			_ = os.Remove(r.o.EtcResolvConf)
			r.put(t, "etc/resolv.conf", content)
		}
	}
	for name, trample := range map[string]func(*testing.T, *hostRig){
		"nothing is changed":                   func(*testing.T, *hostRig) {},
		"emptied":                              replaced(""),
		"only a search list":                   replaced("search lan\n"),
		"the unspecified address":              replaced("nameserver 0.0.0.0\nnameserver ::\n"),
		"systemd-resolved that does not run":   replaced("nameserver 127.0.0.53\n"),
		"the stub and the unspecified address": replaced("nameserver " + stubAddr + "\nnameserver 0.0.0.0\n"),
		"written through":                      func(t *testing.T, r *hostRig) { writeTestFile(t, r.o.EtcResolvConf, "nameserver 0.0.0.0\n") },
		"a link to nothing": func(t *testing.T, r *hostRig) {
			r.link(t, "/run/systemd/resolve/stub-resolv.conf.not-there", "etc/resolv.conf")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newHostRig(t)
			r.put(t, "etc/resolv.conf", "nameserver 192.0.2.53\nnameserver 2001:db8::53\n")
			r.apply(t)
			trample(t, r)
			for _, what := range []string{"repaired", "another process"} {
				r = hostRigIn(r.dir)
				r.apply(t)
				r.wantServers(t, stubAddr)
				if got := r.Upstream(); len(got) != 2 || got[0].Addr().String() != "192.0.2.53" || got[1].Addr().String() != "2001:db8::53" {
					t.Errorf("%s: the uplink's servers are %v", what, got)
				}
			}
			r.restore(t)
			if left := r.known.servers(); left != nil {
				t.Errorf("after the restore %v are still known", left)
			}
		})
	}
}

// What the uplink has now counts, not what it had.
func TestWhatIsKnownGivesWayToNews(t *testing.T) {
	r := newHostRig(t)
	r.put(t, "etc/resolv.conf", "nameserver 192.0.2.53\n")
	r.apply(t)
	r.link(t, "/nowhere", "etc/resolv.conf")
	r.apply(t)
	r.put(t, "run/NetworkManager/resolv.conf", "nameserver 198.51.100.1\n")
	if got := r.Upstream(); len(got) != 1 || got[0].Addr().String() != "198.51.100.1" {
		t.Errorf("the uplink's servers are %v, want the new one", got)
	}
}

func TestADamagedMemoryIsNoServer(t *testing.T) {
	r := newHostRig(t)
	r.put(t, "run/edgeagent/resolver.upstream", "garbage "+stubAddr+" 0.0.0.0\n")
	if got := r.Upstream(); len(got) != 0 {
		t.Errorf("the uplink's servers are %v", got)
	}
}
