package leaks

import (
	"slices"
	"testing"
)

// holding is a Census with one of each.
func holding(items ...[2]string) (c Census) {
	for _, i := range items {
		c.add(kind(i[0]), i[1])
	}
	return c
}

// TestDiff wants a line for each kind of thing that is left, and for what is gone
// of those that must not go.
func TestDiff(t *testing.T) {
	var before [][2]string
	for _, k := range []kind{descriptor, goroutine, child, process, device, address, route, rule, filter, file, etc, size} {
		before = append(before, [2]string{string(k), "x"})
		leak := [2]string{string(k), "leak"}
		for name, after := range map[string][][2]string{"a new one": {leak}, "one more": {{string(k), "x"}, {string(k), "x"}}} {
			got := holding([2]string{string(k), "x"}).Diff(holding(append(after, [2]string{string(k), "x"})...))
			if len(got) != 1 {
				t.Errorf("%s, %s: %q, want one line", k, name, got)
			}
		}
		gone := holding([2]string{string(k), "x"}).Diff(Census{})
		if want := !slices.Contains(counted[:], k); (len(gone) == 1) != want {
			t.Errorf("%s is gone: %q", k, gone)
		}
	}
	if got := holding(before...).Diff(holding(before...)); len(got) != 0 {
		t.Errorf("nothing has changed: %q", got)
	}
	want := []string{"route b: 0, before 1", "route c: 2, before 0"}
	got := holding([2]string{"route", "a"}, [2]string{"route", "b"}).Diff(holding(
		[2]string{"route", "c"}, [2]string{"route", "a"}, [2]string{"route", "c"}))
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNormal(t *testing.T) {
	for _, c := range []struct {
		kind     kind
		one, two string
		same     bool
		because  string
	}{
		{device, "3: tun0: <POINTOPOINT,UP> mtu 1500 qdisc pfifo_fast", "9: tun1: <POINTOPOINT> mtu 1500 qdisc noop", true, "a tun device's index"},
		{device, "2: eth0@if2: <UP> mtu 1500", "2: eth1@if2: <UP> mtu 1500", false, "another interface"},
		{address, `3: tun0    inet 172.31.0.34/27 scope global tun0\       valid_lft forever`, `4: tun1    inet 172.31.0.36/27 scope global tun1\       valid_lft forever`, true, "an address of the pool"},
		{address, `2: eth0    inet 192.168.77.2/24 scope global dynamic eth0\  valid_lft 300sec preferred_lft 300sec`, `2: eth0    inet 192.168.77.2/24 scope global dynamic eth0\  valid_lft 12sec preferred_lft 12sec`, true, "a lease"},
		{address, `2: eth0    inet 192.168.77.2/24 scope global eth0`, `2: eth0    inet 192.168.77.3/24 scope global eth0`, false, "another address"},
		{route, "local fe80::769f:dc0e:e63e:ab44 dev tun0 table local", "local fe80::1:2 dev tun3 table local", true, "a link-local address"},
		{route, "fe80::/64 dev eth0 proto kernel", "fe80::/11 dev eth0 proto kernel", false, "a link-local range"},
		{route, "10.0.0.2 dev tun0 proto 158 scope link", "10.0.0.2 dev eth0 proto 158 scope link", false, "another way"},
		{route, "broadcast 172.31.0.63 dev tun0", "broadcast 172.31.0.62 dev tun0", false, "the pool's broadcast"},
		{route, "default via 192.168.77.1 dev eth0 linkdown", "default via 192.168.77.1 dev eth0", true, "a cable out"},
		{rule, "100: from all fwmark 0x1 lookup 100", "101: from all fwmark 0x2 lookup 100", false, "another rule"},
		{route, "default dev ppp0 table 158003 proto 158", "default dev ppp0 table 158005 proto 158", true, "a link's own table"},
		{rule, "15800: from all oif ppp0 lookup 158003 proto 158", "15800: from all oif ppp0 lookup 15800 proto 158", false, "a table of another kind"},
		{filter, "counter packets 5 bytes 900 accept", "counter packets 7 bytes 1200 accept", true, "a counter"},
	} {
		one, two := normal(c.kind, c.one), normal(c.kind, c.two)
		if (one == two) != c.same {
			t.Errorf("%s: %q and %q, same: %t wanted", c.because, one, two, c.same)
		}
	}
}

func TestParseStat(t *testing.T) {
	for text, want := range map[string]struct {
		name string
		ppid int
		ok   bool
	}{
		"20 (openvpn) S 11 20 1 0": {"openvpn", 11, true},
		"21 (a) (b) c) Z 11 1":     {"a) (b) c (zombie)", 11, true},
		"22 (x) S":                 {"", 0, false},
		"":                         {"", 0, false},
		"23 )x( S 1":               {"", 0, false},
	} {
		if name, ppid, ok := parseStat(text); ok != want.ok || ok && (name != want.name || ppid != want.ppid) {
			t.Errorf("%q: %q of %d, %t", text, name, ppid, ok)
		}
	}
}

func TestMetric(t *testing.T) {
	text := "# HELP edgeagent_goroutines Goroutines.\nedgeagent_goroutines_x 1\nedgeagent_goroutines 41\n"
	if n, err := metric(text, "edgeagent_goroutines"); err != nil || n != 41 {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := metric(text, "edgeagent_open_fds"); err == nil {
		t.Error("no error for a metric that is not there")
	}
}

func TestCovered(t *testing.T) {
	lines := []string{
		"10.0.0.0/16 dev tun0 proto 158 scope link ", "10.0.6.105 dev tun0 proto 158 scope link ", "10.0.6.106 dev ppp0 proto 158 scope link ",
		"10.1.0.1 dev tun0 proto 158 scope link ", "10.0.0.2 dev tun0 proto static scope link ", "unreachable 10.0.0.0/16 proto 158 metric 2000000000 ", "",
	}
	for i, line := range lines {
		if got := covered(line, lines); got != (i == 1) {
			t.Errorf("%q: %t", line, got)
		}
	}
	if covered(lines[1], lines[1:]) {
		t.Error("a host's route that nothing wider covers is left out")
	}
}
