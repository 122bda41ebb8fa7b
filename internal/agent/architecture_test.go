package agent

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// mayImport says which packages of the project each package may import.
// Dependencies point one way; stages never know each other.
var mayImport = map[string][]string{
	"internal/ovpn":       {},
	"internal/config":     {"internal/ovpn"},
	"internal/phrase":     {},
	"internal/status":     {"internal/phrase"},
	"internal/clock":      {},
	"internal/handover":   {},
	"internal/localproxy": {},
	"internal/power":      {},
	"internal/history":    {"internal/status"},
	"internal/metrics":    {"internal/status"},
	"internal/bundle":     {},
	"internal/page":       {"internal/history", "internal/metrics", "internal/status"},
	"internal/control":    {"internal/status", "internal/handover", "internal/history", "internal/metrics"},
	"internal/vpn":        {"internal/config", "internal/handover", "internal/status", "internal/clock", "internal/ovpn"},
	"internal/resolver":   {"internal/config", "internal/status", "internal/clock"},
	"internal/mqtt":       {"internal/config", "internal/status", "internal/clock"},
	"internal/tunnel":     {"internal/config", "internal/handover", "internal/status", "internal/clock"},
	"internal/modem":      {"internal/config", "internal/status", "internal/clock"},
	"internal/agent": {
		"internal/config", "internal/handover", "internal/status", "internal/clock", "internal/control",
		"internal/vpn", "internal/resolver", "internal/mqtt", "internal/tunnel", "internal/modem",
		"internal/history", "internal/page", "internal/power",
	},
	// It looks at what each stage works with, in the stages' own words.
	"internal/check": {
		"internal/config", "internal/status", "internal/clock", "internal/vpn", "internal/resolver", "internal/mqtt",
		"internal/power", "internal/ovpn", "internal/phrase",
	},
	"scripts/testreport": {},
	"internal/manual":    {},
	"internal/plot":      {},
	// A simulation with the daemon's own pacing.
	"internal/fleet": {"internal/config", "internal/mqtt", "internal/plot", "internal/vpn"},
	"packaging":      {},
	// The daemon's commands, the root helpers (resolver, modem) and the built-in proxy.
	"cmd/edgeagent": {
		"internal/config", "internal/handover", "internal/status", "internal/control", "internal/agent",
		"internal/resolver", "internal/localproxy", "internal/manual", "internal/check", "internal/bundle",
		"internal/modem", "internal/history", "internal/clock", "internal/metrics", "internal/phrase",
	},
}

type listedPackage struct {
	ImportPath, Doc string
	Imports         []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports", "edgeagent/...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []listedPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "edgeagent/")
		if strings.HasPrefix(name, "internal/lab") {
			continue // tests and the demo only: may import anything, see below
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table: say what it may import", name)
		}
		for _, imported := range p.Imports {
			short, ours := strings.CutPrefix(imported, "edgeagent/")
			if ours && !slices.Contains(allowed, short) {
				t.Errorf("%s imports %s", name, short)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(strings.Fields(p.Doc)) < 3 {
			t.Errorf("%s has no doc comment", p.ImportPath)
		}
	}
}

func TestNoPackageIsADrawer(t *testing.T) {
	for _, p := range listPackages(t) {
		if base := path.Base(p.ImportPath); slices.Contains([]string{"util", "utils", "common", "helpers", "manager", "pkg"}, base) {
			t.Errorf("%s: name the package after what it does", p.ImportPath)
		}
	}
}
