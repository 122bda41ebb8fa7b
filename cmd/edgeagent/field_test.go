package main

import (
	"regexp"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// anchors are the lines of a printed screen that name a reason.
var anchors = regexp.MustCompile(`reasons\.md#(link|dns|endpoint|broker|tunnel|daemon|config)-([a-z-]+)`)

// TestPrintedScreensAreReal: what the printed pages show as the verdict
// and the next action of a reason is what this version says.
func TestPrintedScreensAreReal(t *testing.T) {
	for doc, in := range map[string]status.Language{
		"README.md": status.English, "docs/field-guide.md": status.English,
		"README.ja.md": status.Japanese, "docs/field-guide.ja.md": status.Japanese,
	} {
		text := unindented(readDoc(t, doc))
		found := anchors.FindAllStringSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("%s shows no screen", doc)
		}
		for _, m := range found {
			stage, reason := m[1], status.Reason(m[2])
			screen := status.Text(status.Snapshot{Device: "gw-042", State: status.Down, FixFirst: &status.Finding{
				Stage: stage, Reason: reason, Hint: status.Hint(stage, reason),
			}}, status.TextOptions{Language: in})
			verdict, advice, _ := strings.Cut(screen, "\n")
			_, title, _ := strings.Cut(verdict, ": ")
			if !strings.Contains(text, ": "+title+"\n") || !strings.Contains(text, unindented(advice)) {
				t.Errorf("%s, %s %s should show\n%s", doc, stage, reason, screen)
			}
		}
	}
}

// unindented is text without the spaces that begin its lines: pages show screens
// at different depths.
func unindented(text string) string {
	return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(text, "")
}

// row is one of a guide's table: a verdict, where it is explained, what to do.
var row = regexp.MustCompile("(?m)^\\| ([^|]+) \\| `#([a-z]+)-([a-z-]+)` \\| ([^|]+) \\|$")

// TestGuidesNameRealVerdicts: what a guide tells people to look for is what the
// screen says, to the letter, and both guides tell the same.
func TestGuidesNameRealVerdicts(t *testing.T) {
	told := map[string]string{}
	for doc, in := range map[string]status.Language{"docs/field-guide.md": status.English, "docs/field-guide.ja.md": status.Japanese} {
		for _, m := range row.FindAllStringSubmatch(readDoc(t, doc), -1) {
			told[doc] += m[2] + "-" + m[3] + " "
			s := status.Snapshot{Device: "gw-042", State: status.Down, Warnings: []status.Warning{status.NewWarning(status.WarningID(m[3]), "")}}
			if m[2] != "warning" {
				s.FixFirst, s.Warnings = &status.Finding{Stage: m[2], Reason: status.Reason(m[3])}, nil
			}
			screen := status.Text(s, status.TextOptions{Language: in, Width: 200})
			if !strings.Contains(screen, ": "+m[1]+"\n") && !strings.Contains(screen, "\n"+m[1]+": ") {
				t.Errorf("%s says %q, the screen\n%s", doc, m[1], screen)
			}
		}
	}
	if a, b := told["docs/field-guide.md"], told["docs/field-guide.ja.md"]; a != b || strings.Count(a, " ") < 12 {
		t.Errorf("the guides differ, or tell too little:\n%s\n%s", a, b)
	}
}
