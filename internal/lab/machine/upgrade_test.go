package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// changeConffile changes a package's conffile as a new version would.
func changeConffile(t *testing.T) func(dir string) {
	return func(dir string) {
		name := filepath.Join(dir, ConfigFile)
		text, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(name, append(text, "\n# new in "+newer+"\n"...), 0o644))
	}
}

func TestInstallWithAConfigurationInPlace(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		// An image builder's way: everything is there when the package comes.
		m := configured(t, system{Release: release}, nil)
		sh(t, m, "apt-get remove --yes edgeagent")
		begin := time.Now()
		install(t, m, needsDeb(t))
		waitOK(t, m)
		figure(t, "installed to connected, "+release, time.Since(begin))
		privateOnly(t, m)
		neverInTheOpen(t, m)
	})
}

func TestUpgradeKeepsAnEditedConffile(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := configured(t, system{Release: release}, nil)
		edited, err := m.ReadFile(t.Context(), ConfigFile)
		must(t, err)
		owner := sh(t, m, "stat -c '%U:%G %a' "+ConfigFile)
		out := install(t, m, repack(t, needsDeb(t), changeConffile(t)))
		if got, err := m.ReadFile(t.Context(), ConfigFile); err != nil || got != edited {
			t.Errorf("the edited conffile after the upgrade (%v):\n%s\napt said:\n%s", err, got, out)
		}
		if got := sh(t, m, "stat -c '%U:%G %a' "+ConfigFile); got != owner {
			t.Errorf("its owner and mode were %s, now %s", owner, got)
		}
		if got := sh(t, m, "dpkg-query -W -f '${Version} ${Status}' edgeagent"); got != newer+" install ok installed" {
			t.Errorf("dpkg says: %s", got)
		}
		if got := sh(t, m, "cat "+ConfigFile+".dpkg-dist"); !strings.Contains(got, "new in "+newer) {
			t.Errorf("the new version's conffile is not beside it: %s", got)
		}
		waitOK(t, m)
		privateOnly(t, m)
		neverInTheOpen(t, m)
	})
}

func TestUpgradeReplacesAnUntouchedConffile(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := installed(t, system{Release: "trixie"})
	install(t, m, repack(t, needsDeb(t), changeConffile(t)))
	if got, err := m.ReadFile(t.Context(), ConfigFile); err != nil || !strings.Contains(got, "new in "+newer) {
		t.Errorf("after the upgrade (%v):\n%s", err, got)
	}
	// A waiting daemon has nothing to hand over: it makes way for the new program.
	notConfigured(t, m, "1")
}
