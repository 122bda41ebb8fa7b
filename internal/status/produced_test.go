package status

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// promised are the words that scripts may rely on, by stage.
var promised = map[string]string{
	"link": "connected connecting no-uplink no-answer auth-failed cert-expired cert-not-yet-valid clock" +
		" process-exited interface-missing recovering waiting disabled",
	"dns":      "ready no-answer nxdomain public-answer host-trampled waiting disabled",
	"endpoint": "private public no-route no-address waiting disabled",
	"broker":   "connected connecting refused unreachable tls taken-over unsubscribed waiting disabled",
	"tunnel":   "idle open refused proxy-missing name-missing waiting disabled",
}

// healthyReasons need no cause and no fix.
var healthyReasons = []Reason{ReasonConnected, ReasonReady, ReasonPrivate, ReasonIdle, ReasonOpen}

// said reports whether stage has words for reason in both languages.
func said(stage string, reason Reason) bool {
	has := func(c *catalogue) bool {
		_, own := c.texts[stage][reason]
		_, any := c.texts[stageAny][reason]
		return own || any
	}
	return has(&english) && has(&japanese)
}

func TestPromisedReasonsHaveScreens(t *testing.T) {
	known := constants(t)
	for stage, words := range promised {
		for word := range strings.FieldsSeq(words) {
			reason := Reason(word)
			if !slices.Contains(sortedValues(known), word) {
				t.Errorf("%s: no reason is called %s", stage, word)
			}
			if !slices.Contains(healthyReasons, reason) && !said(stage, reason) {
				t.Errorf("%s %s has no words", stage, word)
			}
		}
	}
}

// TestProducedReasonsHaveWords: whatever a stage's package may report is said in
// that stage's own words, not in those of a fault of the agent itself.
func TestProducedReasonsHaveWords(t *testing.T) {
	known := constants(t)
	for dir, stages := range map[string][]string{
		"../vpn": {"link"}, "../modem": {"link"}, "../resolver": {"dns", "endpoint"},
		"../mqtt": {"broker"}, "../tunnel": {"tunnel"}, "../../cmd/edgeagent": {"daemon", "config"},
	} {
		names := produced(t, dir)
		if len(names) < 3 {
			t.Errorf("%s: only %v", dir, names)
		}
		for _, name := range names {
			reason := Reason(known[name])
			ok := func(stage string) bool { return said(stage, reason) }
			if !slices.Contains(healthyReasons, reason) && !slices.ContainsFunc(stages, ok) {
				t.Errorf("%s reports %s (%q), for which %v has no words", dir, name, reason, stages)
			}
		}
	}
}

// constants are the reasons of reason.go by the name of their constant.
func constants(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			all[v.Names[0].Name], _ = strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	return all
}

func sortedValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// produced names the constants status.Reason... that the program in dir uses.
func produced(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && strings.HasPrefix(s.Sel.Name, "Reason") && isStatus(s.X) && s.Sel.Name != "Reason" {
				names = append(names, s.Sel.Name)
			}
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isStatus(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "status"
}
