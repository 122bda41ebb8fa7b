package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// documents are all that is written for people, from the root of the source.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			found = append(found, strings.TrimPrefix(f, "../../"))
		}
	}
	if len(found) < 15 {
		t.Fatalf("only %q", found)
	}
	return found
}

// anchor is what a heading is linked by, as GitHub makes it.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// anchorsOf are those of a document's headings, and those that it sets itself.
func anchorsOf(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		found[anchor(m[1])] = true
	}
	for _, m := range regexp.MustCompile(`<a (?:id|name)="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

// TestNoLinkIsDead: files and headings that documents lead to are there.
func TestNoLinkIsDead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, doc), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(m[1], "#")
			target := doc
			if file != "" {
				target = filepath.Join(filepath.Dir(doc), file)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s: %v", doc, err)
			} else if heading != "" && !anchorsOf(readDoc(t, target))[heading] {
				t.Errorf("%s: %s has no %q", doc, target, heading)
			}
		}
	}
}

// TestDocumentsNameRealTargets: what people are told to make, `make help` lists.
func TestDocumentsNameRealTargets(t *testing.T) {
	makefile := readDoc(t, "Makefile")
	told := regexp.MustCompile("(?m)(?:`|^    )make ([a-z][a-z-]*)")
	for _, doc := range documents(t) {
		for _, m := range told.FindAllStringSubmatch(readDoc(t, doc), -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") && !strings.Contains(makefile, "\n"+m[1]+" ") {
				t.Errorf("%s: there is no make %s", doc, m[1])
			}
			if !strings.Contains(makefile, "@echo 'make "+m[1]+" ") {
				t.Errorf("%s: make help does not know make %s", doc, m[1])
			}
		}
	}
}

// TestDocumentsNameRealCommands: what people are told to type of edgeagent is a
// command with these flags.
func TestDocumentsNameRealCommands(t *testing.T) {
	typed := regexp.MustCompile("(?m)(?:`|^    (?:\\$ )?)(?:sudo )?(?:bin/)?edgeagent ([a-z][^`\n]*)")
	for _, doc := range documents(t) {
		for _, m := range typed.FindAllStringSubmatch(readDoc(t, doc), -1) {
			words := strings.Fields(m[1])
			cmd, _, err := newRootCommand(nil).Find(words[:1+min(1, len(words)-1)])
			if err != nil || cmd.Name() == "edgeagent" || cmd.HasAvailableSubCommands() && len(words) > 1 {
				t.Errorf("%s: edgeagent %s is no command", doc, m[1])
				continue
			}
			for _, flag := range regexp.MustCompile(`(?:^| )--([a-z-]+)`).FindAllStringSubmatch(m[1], -1) {
				if cmd.Flags().Lookup(flag[1]) == nil && flag[1] != "help" {
					t.Errorf("%s: edgeagent %s has no --%s", doc, cmd.Name(), flag[1])
				}
			}
		}
	}
}

// TestReadmesCountTheFaults as the page does that make faults writes.
func TestReadmesCountTheFaults(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| rows \| (\d+),`).FindStringSubmatch(readDoc(t, "docs/reliability.md"))
	if rows == nil {
		t.Fatal("docs/reliability.md does not count its rows")
	}
	for doc, words := range map[string]string{"README.md": ": " + rows[1] + " faults put in", "README.ja.md": rows[1] + " 件の障害"} {
		if !strings.Contains(readDoc(t, doc), words) {
			t.Errorf("%s lacks %q", doc, words)
		}
	}
}

// TestHelpFitsAScreen of 80 columns: a serial console breaks words. Lists of
// flags are Cobra's.
func TestHelpFitsAScreen(t *testing.T) {
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		text := cmd.Long
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				text += fmt.Sprintf("\n  %-*s %s", sub.NamePadding(), sub.Name(), sub.Short)
				look(sub)
			}
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); len(line) > 80 {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
			}
		}
	}
	look(newRootCommand(nil))
}
