package modem_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/modem"
	"edgeagent/internal/vpn"
)

// The link asks for rungs by name and knows nothing of this package.
var _ vpn.Rescue = (*modem.Rescue)(nil)

func packaged(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../packaging/debian", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each rung of the link's ladder is one that this package takes: an unknown name
// would be an error on the day it is needed, and only then.
func TestEveryRungOfTheLinkIsKnown(t *testing.T) {
	r := modem.New(modem.Options{Link: config.Link{Name: "x"}, BusAddress: "unix:path=/nonexistent", StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	for _, rung := range []string{vpn.RungActivate, vpn.RungReenable, vpn.RungReset, vpn.RungModemManager, vpn.RungUSB, vpn.RungReboot} {
		if err := r.Do(t.Context(), rung); err == nil || strings.Contains(err.Error(), "no step of recovery is called") {
			t.Errorf("%s: %v", rung, err)
		}
	}
}

// polkit lets the daemon start exactly the helper's units.
func TestPolkitKnowsTheHelpersRungs(t *testing.T) {
	rule := regexp.MustCompile(`/(\^edgeagent-recover@.*\$)/`).FindStringSubmatch(packaged(t, "polkit/edgeagent.rules"))
	if rule == nil {
		t.Fatal("no rule for the helper's units")
	}
	allowed := regexp.MustCompile(rule[1])
	for _, rung := range modem.RootRungs() {
		if unit := "edgeagent-recover@" + rung + ":canal.service"; !allowed.MatchString(unit) {
			t.Errorf("%s may not be started", unit)
		}
	}
	for _, rung := range []string{vpn.RungActivate, vpn.RungReset, "anything"} {
		if unit := "edgeagent-recover@" + rung + ":canal.service"; allowed.MatchString(unit) {
			t.Errorf("%s may be started, and no helper knows it", unit)
		}
	}
	if unit := packaged(t, "edgeagent-recover@.service"); !strings.Contains(unit, "ExecStart=/usr/bin/edgeagent recover %i\n") {
		t.Errorf("the helper's unit runs something else:\n%s", unit)
	}
}
