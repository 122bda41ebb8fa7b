package check

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestEveryCheckIsDocumented in docs/check.md, in its order, and none that is gone.
func TestEveryCheckIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.]+)` \\|").FindAllSubmatch(page, -1) {
		documented = append(documented, string(row[1]))
	}
	if !slices.Equal(documented, IDs()) {
		t.Errorf("docs/check.md has %v,\nthere are %v", documented, IDs())
	}
}
