package lab

import (
	"os"
	"strings"
	"testing"
)

// TestSetupInstallsWhatTheLabRuns keeps two lists in step: the one that the lab
// checks and the one that the setup script installs.
func TestSetupInstallsWhatTheLabRuns(t *testing.T) {
	script, err := os.ReadFile("../../scripts/setup.sh")
	must(t, err)
	for _, p := range programs {
		if !strings.Contains(string(script), p.name+":"+p.pkg) {
			t.Errorf("scripts/setup.sh does not know %s:%s", p.name, p.pkg)
		}
	}
}

func TestUnavailableNamesTheProgramAndItsPackage(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	t.Setenv("PATH", t.TempDir())
	if got, want := Unavailable(), "needs openvpn: apt-get install openvpn"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
