package machine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/rootfs"
)

// hostOS is a way in which an operating system comes to its DNS.
type hostOS struct {
	packages rootfs.HostMode
	mode     string            // the host mode that auto must choose
	files    map[string]string // its network configuration
	setUp    string            // once, in the booted system
	disturb  []string          // what happens to such a system all the time
}

// stopLimit is what the project promises for a stop until the system has its own
// DNS back.
const stopLimit = 3 * time.Second

const networkdConf = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nUseDomains=yes\n"

// dhcpcdSetUp: Debian 12 locks dhcpcd out of openresolv's directory, which Pi OS
// Bullseye does not.
const dhcpcdSetUp = `mkdir -p /etc/systemd/system/dhcpcd.service.d
	printf '[Service]\nProtectSystem=no\n' >/etc/systemd/system/dhcpcd.service.d/openresolv.conf
	systemctl daemon-reload && systemctl restart dhcpcd
	until grep -q resolvconf /etc/resolv.conf; do sleep 0.1; done`

// dhcpcdConf: containers have no udev.
const dhcpcdConf = "nodev\noption domain_name_servers, domain_name, domain_search\n"

func TestHostModeResolved(t *testing.T) {
	testHostOS(t, hostOS{
		packages: rootfs.Resolved, mode: "resolved",
		files: map[string]string{"/etc/systemd/network/10-eth0.network": networkdConf},
		setUp: "systemctl enable --now systemd-networkd systemd-resolved",
		disturb: []string{
			"systemctl restart systemd-resolved", "networkctl reconfigure eth0", "networkctl renew eth0", "resolvectl flush-caches",
		},
	})
}

func TestHostModeFileUnderNetworkManager(t *testing.T) {
	testHostOS(t, hostOS{
		packages: rootfs.NetworkManager, mode: "file",
		disturb: []string{
			"systemctl restart NetworkManager", "nmcli device disconnect eth0 && nmcli device connect eth0", "nmcli general reload dns-full",
		},
	})
}

func TestHostModeResolvconf(t *testing.T) {
	testHostOS(t, hostOS{
		packages: rootfs.Openresolv, mode: "resolvconf",
		files: map[string]string{"/etc/dhcpcd.conf": dhcpcdConf}, setUp: dhcpcdSetUp,
		disturb: []string{"systemctl restart dhcpcd", "dhcpcd --rebind eth0", "resolvconf -u"},
	})
}

func TestHostModeFileUnderDhclient(t *testing.T) {
	testHostOS(t, hostOS{
		packages: rootfs.Ifupdown, mode: "file",
		files:   map[string]string{"/etc/network/interfaces": "auto eth0\niface eth0 inet dhcp\n"},
		setUp:   "systemctl restart networking",
		disturb: []string{"ifdown eth0; ifup eth0", "systemctl restart networking"},
	})
}

func testHostOS(t *testing.T, os hostOS) {
	eachRelease(t, func(t *testing.T, release string) {
		deb := needsDeb(t)
		m := off(t, system{Release: release, HostMode: os.packages, Packages: []string{"bind9-dnsutils"}})
		m.serveDHCP(t)
		for name, content := range os.files {
			must(t, m.WriteFile(t.Context(), name, content))
		}
		must(t, m.PowerOn(within(t, testTimeout)))
		sh(t, m, "true; "+os.setUp)
		awaitOrdinary(t, m)
		before := ownDNS(t, m)

		install(t, m, deb)
		configure(t, m, nil)
		waitOK(t, m)
		wantHost(t, m, os.mode)
		asEverybodyElse(t, m)
		privateWhileLinkIsDown(t, m)
		restartsUnnoticed(t, m)
		for _, what := range os.disturb {
			sh(t, m, what)
			awaitPrivate(t, m, what)
			wantHost(t, m, os.mode)
		}
		neverInTheOpen(t, m)
		givesBack(t, m, before)
	})
}

// serveDHCP takes the address from the machine that the lab gave it, and gives
// it one by DHCP.
func (m *Machine) serveDHCP(t *testing.T) {
	t.Helper()
	addr, router := uplink(t, m)
	ip, _, _ := strings.Cut(addr, "/")
	node(t, m, "ip", "addr", "flush", "dev", "eth0")
	// dhcpcd would do that, but not in a container.
	node(t, m, "sysctl", "-qw", "net.ipv4.conf.eth0.promote_secondaries=1")
	ctx, stop := context.WithCancel(context.Background())
	server := m.lab.Uplink.Command(ctx, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=lan",
		"--bind-interfaces", "--dhcp-authoritative", "--leasefile-ro", "--no-ping", "--domain=lan",
		fmt.Sprintf("--dhcp-range=%s,%s,2m", ip, ip), "--dhcp-option=3,"+router, "--dhcp-option=6,"+router)
	must(t, m.lab.Uplink.Start(server))
	t.Cleanup(func() {
		stop()
		_ = server.Wait() // killed
	})
}

// awaitOrdinary waits until the system resolves ordinary names.
func awaitOrdinary(t *testing.T, m *Machine) {
	t.Helper()
	for ctx := within(t, testTimeout); !slices.Equal(addresses(t, m, lab.OrdinaryHost), []string{lab.OrdinaryAddr.String()}); {
		if ctx.Err() != nil {
			t.Fatalf("%s is never resolved; resolv.conf:\n%s", lab.OrdinaryHost, resolvConf(t, m))
		}
	}
}

// ownDNS describes everything that the agent may change of the system's DNS.
func ownDNS(t *testing.T, m *Machine) string {
	t.Helper()
	return sh(t, m, `stat -c '%N %F %a %u:%g' /etc/resolv.conf; cat /etc/resolv.conf; ls -d /etc/resolv.conf*
		ip -o link | cut -d: -f2 | grep -v '^ tun'; ! command -v resolvectl >/dev/null || { resolvectl dns; resolvectl domain; }
		! test -d /run/resolvconf || find /run/resolvconf -type f ! -path '*/lock/*' | sort`)
}

// wantHost fails the test unless status names the host mode and no fault of it.
func wantHost(t *testing.T, m *Machine, mode string) {
	t.Helper()
	c, err := m.WaitStage(within(t, agentTimeout), "dns", "ok", "ready")
	must(t, err)
	if got := fmt.Sprint(c.Facts["host"]); got != mode {
		t.Errorf("host mode %s, want %s\n%s", got, mode, sh(t, m, "journalctl -b --grep 'host mode' --no-pager"))
	}
}

// asEverybodyElse looks names up in the ways that other programs do.
func asEverybodyElse(t *testing.T, m *Machine) {
	t.Helper()
	privateOnly(t, m)
	for _, how := range []string{"dig +short ", "! command -v resolvectl >/dev/null || resolvectl --legend=no query -4 "} {
		for name, want := range map[string]string{lab.EndpointHost: "10.0.", lab.OrdinaryHost: lab.OrdinaryAddr.String()} {
			out := sh(t, m, how+name)
			if strings.HasPrefix(how, "dig") && !strings.HasPrefix(out, want) || strings.Contains(out, "198.51.100.8") {
				t.Errorf("%s%s says %q", how, name, out)
			}
		}
	}
}

// privateWhileLinkIsDown loses the link: private names have no address then,
// at once and not after a resolver's patience.
func privateWhileLinkIsDown(t *testing.T, m *Machine) {
	t.Helper()
	must(t, m.lab.BlackholeVPN(true))
	_, err := m.WaitStage(within(t, agentTimeout), "dns", "waiting", "waiting")
	must(t, err)
	for range 3 {
		begin := time.Now()
		if got := addresses(t, m, lab.EndpointHost); len(got) > 0 {
			t.Errorf("without a link %s is %v", lab.EndpointHost, got)
		}
		figure(t, "no address without a link", time.Since(begin))
		if got := sh(t, m, "dig +short "+lab.EndpointHost); strings.TrimSpace(got) != "" {
			t.Errorf("without a link dig says %s", got)
		}
		awaitOrdinary(t, m)
	}
	must(t, m.lab.BlackholeVPN(false))
	waitOK(t, m)
	awaitPrivate(t, m, "the link is back")
}

// awaitPrivate waits until other programs get the private addresses again; a
// public one ends the test.
func awaitPrivate(t *testing.T, m *Machine, after string) {
	t.Helper()
	for ctx := within(t, agentTimeout); ; {
		got := addresses(t, m, lab.EndpointHost)
		for _, addr := range got {
			if !strings.HasPrefix(addr, "10.0.") {
				t.Fatalf("after %q %s is %s for other programs", after, lab.EndpointHost, addr)
			}
		}
		if len(got) > 0 && len(addresses(t, m, lab.OrdinaryHost)) > 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("after %q %s has no address", after, lab.EndpointHost)
		}
	}
}

// restartsUnnoticed has the daemon restart and crash while names are looked up.
func restartsUnnoticed(t *testing.T, m *Machine) {
	t.Helper()
	for _, how := range []string{"systemctl --no-block restart edgeagent", "kill -KILL $(systemctl show -P MainPID edgeagent)"} {
		pid := property(t, m, Unit, "MainPID")
		sh(t, m, how)
		lookupsUntilBack(t, m, pid)
	}
	waitOK(t, m)
}

// givesBack ends the agent in every way there is, after each of which the
// system's DNS must be what it was.
func givesBack(t *testing.T, m *Machine, before string) {
	t.Helper()
	same := func(when string) {
		t.Helper()
		for ctx := within(t, testTimeout); ; {
			after := ownDNS(t, m)
			if after == before {
				return
			}
			if ctx.Err() != nil {
				t.Errorf("%s the system's DNS is\n%s\nand was\n%s", when, after, before)
				return
			}
		}
	}
	begin := time.Now()
	sh(t, m, "systemctl stop edgeagent")
	if took := time.Since(begin); took > stopLimit {
		t.Errorf("the stop took %s", took)
	}
	figure(t, "stop to DNS restored", time.Since(begin))
	same("after a stop")

	sh(t, m, "systemctl start edgeagent")
	waitOK(t, m)
	sh(t, m, "systemctl disable edgeagent; kill -KILL $(systemctl show -P MainPID edgeagent)")
	must(t, m.Reboot(within(t, testTimeout)))
	awaitOrdinary(t, m)
	same("after kill -9 and a boot without the agent")

	sh(t, m, "systemctl start edgeagent")
	waitOK(t, m)
	must(t, m.PowerCut(within(t, testTimeout)))
	// The network of a container outlives it, that of a kernel does not.
	node(t, m, "sh", "-c", "ip link del dns-edgeagent || true")
	must(t, m.PowerOn(within(t, testTimeout)))
	awaitOrdinary(t, m)
	same("after a power cut and a boot without the agent")

	sh(t, m, "systemctl start edgeagent")
	waitOK(t, m)
	sh(t, m, "apt-get purge --yes edgeagent")
	same("after a purge")
}
