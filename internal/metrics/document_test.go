package metrics

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocument: docs/metrics.md has a row for each metric, and none more.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, f := range families(Process{}) {
		fmt.Fprintf(&want, "| `edgeagent_%s%s` | %s | %s | %s |\n", f.name, f.kind.suffix(), f.kind, f.unit, f.help)
	}
	_, table, _ := strings.Cut(string(doc), "|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if table+"\n" != want.String() {
		t.Errorf("docs/metrics.md has\n%s\nwant\n%s", table, &want)
	}
	for _, f := range families(Process{}) {
		if strings.Contains(f.help, `"`) {
			t.Errorf("%s: a quote in the help is not the same in both formats", f.name)
		}
	}
}
