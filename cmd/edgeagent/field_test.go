package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

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
		if least := map[bool]int{true: 5, false: 1}[strings.Contains(doc, "guide")]; len(found) < least {
			t.Errorf("%s shows %d screens, want %d", doc, len(found), least)
		}
		for _, m := range found {
			stage, reason := m[1], status.Reason(m[2])
			if reason == status.ReasonNotConfigured {
				continue // below
			}
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

func TestFieldGuideShowsAnUnfilledDevice(t *testing.T) {
	s := unfilledDevice(t, readDoc(t, "configs/edgeagent.yaml"))
	s.Since = s.Now.Add(-4 * time.Minute)
	for doc, in := range map[string]status.Language{"docs/field-guide.md": status.English, "docs/field-guide.ja.md": status.Japanese} {
		if want := inWords(s, in); !strings.Contains(readDoc(t, doc), want) {
			t.Errorf("%s should show\n%s", doc, want)
		}
	}
}
