package status

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// section is one reason as docs/reasons.md explains it.
type section struct{ title, cause, fix string }

// explained reads docs/reasons.md, and what stands before its sections.
func explained(t *testing.T) (preface string, all map[string]section) {
	t.Helper()
	data, err := os.ReadFile("../../docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]section{}
	parts := strings.Split(string(data), "\n### ")
	for _, part := range parts[1:] {
		lines := strings.Split(part, "\n")
		var s section
		for _, l := range lines[1:] {
			cause, isCause := strings.CutPrefix(l, "- Cause: ")
			fix, isFix := strings.CutPrefix(l, "- Fix: ")
			switch {
			case isCause:
				s.cause = cause
			case isFix:
				s.fix = fix
			case s.title == "":
				s.title = l
			}
		}
		if _, twice := all[lines[0]]; twice {
			t.Errorf("%s is there twice", lines[0])
		}
		all[lines[0]] = s
	}
	return parts[0], all
}

// TestReasonsAreExplained: docs/reasons.md and the tables say the same.
func TestReasonsAreExplained(t *testing.T) {
	_, all := explained(t)
	expect := func(anchor string, want text) {
		got, ok := all[anchor]
		title := strings.ToUpper(want.title[:1]) + want.title[1:] + "."
		if !ok || got.title != title || got.fix != want.hint || got.cause == "" {
			t.Errorf("%s should be %q with a cause and the fix %q, is %+v", anchor, title, want.hint, got)
		}
		delete(all, anchor)
	}
	for stage, reasons := range english.texts {
		for reason, want := range reasons {
			if anchor := Anchor(stage, reason); anchor != stage+"-"+string(reason) {
				t.Errorf("%s %s has the anchor %s", stage, reason, anchor)
			}
			expect(stage+"-"+string(reason), want)
		}
	}
	for id, want := range english.warnings {
		expect("warning-"+string(id), want)
	}
	for _, left := range slices.Sorted(maps.Keys(all)) {
		t.Errorf("no stage has %s", left)
	}
}

func TestAnchor(t *testing.T) {
	for want, of := range map[string][2]string{
		"link-no-answer": {"link", "no-answer"}, "any-waiting": {"dns", "waiting"},
		"any-internal": {"link", "internal"}, // and for a word that no table has
	} {
		if got := Anchor(of[0], Reason(of[1])); got != want {
			t.Errorf("Anchor(%q) = %s, want %s", of, got, want)
		}
	}
	if got := Anchor("link", "of-tomorrow"); got != "any-internal" {
		t.Errorf("an unknown reason: %s", got)
	}
}

// TestEveryReasonIsInTheDocument: a reason that is added to reason.go without a
// word for people is found here.
func TestEveryReasonIsInTheDocument(t *testing.T) {
	preface, all := explained(t)
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		words++
		section := func(anchor string) bool { return strings.HasSuffix(anchor, "-"+word) }
		if !strings.Contains(preface, "`"+word+"`") && !slices.ContainsFunc(slices.Collect(maps.Keys(all)), section) {
			t.Errorf("%s is not explained", word)
		}
		return true
	})
	if words < 50 {
		t.Errorf("only %d reasons", words)
	}
}
