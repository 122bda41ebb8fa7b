package faults

import (
	"strings"
	"testing"
)

// leastRows is how many faults the matrix is to have at least.
const leastRows = 40

func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Rows() {
		if row.Name == "" || row.How == "" || seen[row.Name] {
			t.Errorf("row %q: twice, or without words", row.Name)
		}
		seen[row.Name] = true
		if row.Inject == nil && row.Before == nil && row.LeftOut == "" {
			t.Errorf("%s: nothing is broken", row.Name)
		}
		if row.Soak && (row.Before != nil || row.Inject == nil || row.LeftOut != "" || row.Supervised) {
			t.Errorf("%s: it cannot be injected into any running lab", row.Name)
		}
		if row.World != "" && !strings.ContainsAny(row.World, "0123456789") {
			t.Errorf("%s: the world's timer has no length: %s", row.Name, row.World)
		}
		if row.Watchdog > 0 && !row.Supervised {
			t.Errorf("%s: nobody would act on the watchdog", row.Name)
		}
	}
	if len(seen) < leastRows {
		t.Errorf("%d rows, want at least %d", len(seen), leastRows)
	}
	for _, name := range quick {
		if !seen[name] {
			t.Errorf("there is no row %q", name)
		}
	}
}
