package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// catalogues are all there are.
func catalogues() []*language { return []*language{english(), japanese()} }

// use is a place in the source where a text of the catalogues is used.
type use struct {
	place string
	args  int
}

// uses reads this package's source: every call of say, by its key.
func uses(t *testing.T) map[string][]use {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set, found := token.NewFileSet(), map[string][]use{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if key, ok := sayKey(t, set, call); ok {
					found[key] = append(found[key], use{set.Position(call.Pos()).String(), len(call.Args) - 1})
				}
				literalWords(t, set, call)
			}
			return true
		})
	}
	return found
}

// sayKey is the key of a call of say, which must be there to be read.
func sayKey(t *testing.T, set *token.FileSet, call *ast.CallExpr) (string, bool) {
	if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "say" {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		t.Errorf("%s: the key is not written out", set.Position(call.Pos()))
		return "", false
	}
	key, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return key, true
}

// literalWords fails on English that goes past the catalogues: plain("a b"),
// foreign("a b"), or with a format for either.
func literalWords(t *testing.T, set *token.FileSet, call *ast.CallExpr) {
	name, ok := call.Fun.(*ast.Ident)
	if !ok || name.Name != "plain" && name.Name != "foreign" {
		return
	}
	ast.Inspect(call.Args[0], func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`).MatchString(l.Value) {
			t.Errorf("%s: %s is not in the catalogues", set.Position(call.Pos()), l.Value)
		}
		return true
	})
}

// TestEveryTextIsThereInEveryLanguage: none is missing, none is left over.
func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	used := uses(t)
	for _, l := range catalogues() {
		for key, places := range used {
			if l.texts[key] == "" {
				t.Errorf("%s: there is no text %s in language %d", places[0].place, key, l.code)
			}
		}
		for key := range l.texts {
			if len(used[key]) == 0 {
				t.Errorf("nobody says %s of language %d", key, l.code)
			}
		}
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d)\])?(\.\d)?([a-z%])`)

// verbs are the placeholders of a format by the number of their argument.
func verbs(format string) map[int]string {
	found, next := map[int]string{}, 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		found[next] = m[2] + m[3]
		next++
	}
	return found
}

// TestPlaceholdersAgree: with the arguments, and between the languages.
func TestPlaceholdersAgree(t *testing.T) {
	for key, places := range uses(t) {
		want := verbs(english().texts[key])
		for _, p := range places {
			if len(want) != p.args {
				t.Errorf("%s: %s takes %d arguments and is given %d", p.place, key, len(want), p.args)
			}
		}
		for _, l := range catalogues() {
			if got := verbs(l.texts[key]); !maps.Equal(got, want) {
				t.Errorf("%s of language %d takes %v, English %v", key, l.code, got, want)
			}
		}
	}
}

// TestEveryCheckHasATitle: and none is there for no check.
func TestEveryCheckHasATitle(t *testing.T) {
	for _, l := range catalogues() {
		if got := slices.Sorted(maps.Keys(l.titles)); !slices.Equal(got, slices.Sorted(slices.Values(IDs()))) {
			t.Errorf("language %d has titles for %v", l.code, got)
		}
	}
}

// TestEnglishIsASCII: it is what a serial console shows. Commands and names stay
// as they are typed in every language.
func TestEnglishIsASCII(t *testing.T) {
	typed := regexp.MustCompile("`[^`]+`")
	for key, text := range english().texts {
		if strings.ContainsFunc(text, func(r rune) bool { return r > 126 }) {
			t.Errorf("%s: %q", key, text)
		}
		for _, command := range typed.FindAllString(text, -1) {
			if command = strings.ReplaceAll(command, "UNIT", "ユニット名"); !strings.Contains(japanese().texts[key], command) {
				t.Errorf("%s: %s is not in the Japanese text", key, command)
			}
		}
	}
}

// TestFixesAreSentences, for something may follow them.
func TestFixesAreSentences(t *testing.T) {
	for key, text := range japanese().texts {
		if fix := strings.HasSuffix(key, ".fix"); fix && !strings.HasSuffix(text, "。") && !strings.HasSuffix(text, "%s") {
			t.Errorf("%s ends without a full stop: %s", key, text)
		}
	}
}

func TestReportInJapanese(t *testing.T) {
	r, err := runChecks(t.Context(), Options{}, []check{
		gives("config", ok(say("config.ok", "/etc/edgeagent/edgeagent.yaml", "gw-042", 1))),
		gives("clock", warning(say("clock.alone", "2026-11-22 04:18 UTC"), say("power.fix"))),
		gives("link", fault(join(say("link.none"), say("knock.silent", "203.0.113.10 port 443 (udp)")), say("link.fix"))),
		gives("dns", ok(say("dns.silent", "10.0.0.2")), "link"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Device = "gw-042"
	want := `gw-042  異常 1 件、注意 1 件: まず link から直してください
  正常  config            /etc/edgeagent/edgeagent.yaml: gw-042、リンク 1 件
  注意  clock             時計: 2026-11-22 04:18 UTC。時刻サーバーと
                          同期していません (明らかな誤りはありません)
                          対処: 純正の電源アダプターと短いケーブルを
                                使ってください。USB モデムは電源付き
                                ハブへつないでください。
  異常  link              VPC へのリンク: VPC への経路がありません。203.0.113.10
                          port 443 (udp) が応答しません
                          対処: エージェントの復旧状況を ` + "`edgeagent status`" + ` で
                                確認してください。
  省略  dns               link の結果待ち
`
	if got := r.TextIn(status.Japanese); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for state, want := range map[State]string{Warning: "注意 1 件、異常なし", OK: "gw-042  異常なし"} {
		r.State = state
		if got := r.TextIn(status.Japanese); !strings.Contains(got, want) {
			t.Errorf("%s: %s", state, got)
		}
	}
}

// TestJSONIsEnglish, whatever the reader speaks: the report holds both.
func TestJSONIsEnglish(t *testing.T) {
	r, err := runChecks(t.Context(), Options{}, []check{gives("link", fault(say("link.none"), say("link.fix")))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := stateOf(t, r, "link"); c.Title != "link into the VPC" || c.Finding != "nothing leads into the VPC" ||
		c.Fix != "`edgeagent status` says what the daemon is doing about it." {
		t.Errorf("%+v", c)
	}
}
