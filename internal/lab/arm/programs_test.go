package arm

import (
	"os"
	"strings"
	"testing"
)

// TestSetupInstallsWhatIsRun keeps two lists in step: the one that the tests
// check and the one that the setup script installs.
func TestSetupInstallsWhatIsRun(t *testing.T) {
	script, err := os.ReadFile("../../../scripts/setup.sh")
	must(t, err)
	_, list, ok := strings.Cut(string(script), "\narm=")
	if !ok {
		t.Fatal("scripts/setup.sh has no list arm")
	}
	list, _, _ = strings.Cut(list, `"`+"\n")
	for _, p := range programs() {
		if !strings.Contains(list, p.name+":"+p.pkg) {
			t.Errorf("scripts/setup.sh arm does not know %s:%s", p.name, p.pkg)
		}
	}
}
