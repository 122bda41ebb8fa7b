package machine

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// agentTimeout bounds the wait for a whole path: OpenVPN's own timers are 20 s
// and more.
const agentTimeout = 3 * time.Minute

// installed boots a machine and installs the agent's package in it.
func installed(t *testing.T, s system) *Machine {
	t.Helper()
	deb := needsDeb(t)
	m := boot(t, s)
	install(t, m, deb)
	return m
}

// configured is installed with a filled-in configuration and a path that is up.
func configured(t *testing.T, s system, keys map[string]string) *Machine {
	t.Helper()
	m := installed(t, s)
	configure(t, m, keys)
	waitOK(t, m)
	return m
}

// needsDeb returns the package to test.
func needsDeb(t *testing.T) string {
	t.Helper()
	needsMachine(t)
	arch, err := exec.Command("dpkg", "--print-architecture").Output()
	must(t, err)
	deb, err := Deb(strings.TrimSpace(string(arch)))
	must(t, err)
	return deb
}

// install installs a package, which must succeed, and returns what was said.
func install(t *testing.T, m *Machine, deb string) string {
	t.Helper()
	r, err := m.Install(within(t, testTimeout), deb)
	if must(t, err); r.Code != 0 {
		t.Fatalf("apt install: exit code %d:\n%s", r.Code, r.Output)
	}
	return r.Output
}

// configure does what a person does to make the agent work.
func configure(t *testing.T, m *Machine, keys map[string]string) {
	t.Helper()
	must(t, m.Provision(within(t, testTimeout)))
	must(t, m.Configure(within(t, testTimeout), keys))
}

// waitOK waits until the whole path is up and returns how long it took.
func waitOK(t *testing.T, m *Machine) time.Duration {
	t.Helper()
	begin := time.Now()
	must(t, m.WaitOK(within(t, agentTimeout)))
	return time.Since(begin)
}

// figure prints a measurement so that it is found among all output.
func figure(t *testing.T, what string, d time.Duration) {
	t.Helper()
	t.Logf("FIGURE %s: %.2f s", what, d.Seconds())
}

// property returns a property of a unit.
func property(t *testing.T, m *Machine, unit, name string) string {
	t.Helper()
	value, err := m.Property(within(t, testTimeout), unit, name)
	must(t, err)
	return value
}

// addresses asks the machine's operating system for a name, as any program
// there does. None if there is no answer.
func addresses(t *testing.T, m *Machine, name string) []string {
	t.Helper()
	r, err := m.Run(within(t, testTimeout), "getent", "ahostsv4", name)
	must(t, err)
	seen := map[string]bool{}
	var list []string
	for line := range strings.Lines(r.Output) {
		if addr, _, ok := strings.Cut(line, " "); ok && !seen[addr] {
			seen[addr] = true
			list = append(list, addr)
		}
	}
	return list
}

// privateOnly fails the test unless the operating system's programs get the
// endpoint's private addresses, and ordinary names too.
func privateOnly(t *testing.T, m *Machine) {
	t.Helper()
	for _, addr := range addresses(t, m, lab.EndpointHost) {
		if !strings.HasPrefix(addr, "10.0.") {
			t.Errorf("%s is %s for other programs", lab.EndpointHost, addr)
		}
	}
	if len(addresses(t, m, lab.EndpointHost)) == 0 {
		t.Errorf("%s has no address for other programs", lab.EndpointHost)
	}
	if got := addresses(t, m, lab.OrdinaryHost); len(got) != 1 || got[0] != lab.OrdinaryAddr.String() {
		t.Errorf("%s is %v for other programs", lab.OrdinaryHost, got)
	}
}

// neverInTheOpen fails the test if a packet of the machine left in the open.
func neverInTheOpen(t *testing.T, m *Machine) {
	t.Helper()
	r, err := m.lab.Capture.Report(t.Context())
	if must(t, err); !r.Clean() {
		t.Error(r)
	}
}

// resolvConf returns the machine's /etc/resolv.conf.
func resolvConf(t *testing.T, m *Machine) string {
	t.Helper()
	text, err := m.ReadFile(within(t, testTimeout), "/etc/resolv.conf")
	must(t, err)
	return text
}
