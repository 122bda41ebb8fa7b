package status

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestCatalogueIsComplete: no key is missing in either language, and none is
// there for nothing.
func TestCataloguesHaveTheSameKeys(t *testing.T) {
	same(t, "stages", english.texts, japanese.texts)
	for stage := range english.texts {
		same(t, stage, english.texts[stage], japanese.texts[stage])
	}
	same(t, "warnings", english.warnings, japanese.warnings)
}

func same[K comparable, V any](t *testing.T, what string, a, b map[K]V) {
	t.Helper()
	for _, m := range [][2]map[K]V{{a, b}, {b, a}} {
		for k := range m[0] {
			if _, ok := m[1][k]; !ok {
				t.Errorf("%s: %v is in one language only", what, k)
			}
		}
	}
}

// Every text is one that a tech can act on: a title, and a hint that is a
// sentence; what is typed is typed alike in both languages.
func TestTextsAreComplete(t *testing.T) {
	check := func(key string, en, ja text) {
		if en.title == "" || !strings.HasSuffix(en.hint, ".") {
			t.Errorf("%s: title %q, hint %q", key, en.title, en.hint)
		}
		if !japaneseText(ja.title) || strings.HasSuffix(ja.title, "。") || !strings.HasSuffix(ja.hint, "。") {
			t.Errorf("%s in Japanese: title %q, hint %q", key, ja.title, ja.hint)
		}
		if missing := literals(en.hint, ja.hint); missing != "" {
			t.Errorf("%s: the Japanese hint lacks %s", key, missing)
		}
	}
	for stage, reasons := range english.texts {
		for reason, en := range reasons {
			check(stage+" "+string(reason), en, japanese.texts[stage][reason])
		}
	}
	for id, en := range english.warnings {
		check(string(id), en, japanese.warnings[id])
	}
}

func japaneseText(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return runeWidth(r) == 2 })
}

var (
	quoted = regexp.MustCompile("`[^`]+`")
	verb   = regexp.MustCompile(`%[a-z%]`)
)

// literals names a command or key that from quotes and to does not.
func literals(from, to string) string {
	for _, q := range quoted.FindAllString(from, -1) {
		if !strings.Contains(to, q) {
			return q
		}
	}
	return ""
}

// TestPlaceholdersAgree: each word is there in both languages, with the same
// figures in the same order.
func TestPlaceholdersAgree(t *testing.T) {
	en, ja := reflect.ValueOf(english.words), reflect.ValueOf(japanese.words)
	for i := range en.NumField() {
		name, a, b := en.Type().Field(i).Name, en.Field(i).String(), ja.Field(i).String()
		if a == "" || b == "" || !reflect.DeepEqual(verb.FindAllString(a, -1), verb.FindAllString(b, -1)) {
			t.Errorf("%s: %q and %q", name, a, b)
		}
		if strings.HasPrefix(name, "Stage") && max(Width(a), Width(b)) >= detailColumn-stateColumn {
			t.Errorf("%s: %q or %q is too wide", name, a, b)
		}
	}
	for _, l := range []Language{English, Japanese} {
		if w := l.Hour(); max(Width(w.RoundTrip), Width(w.Losses), Width(w.Received), Width(w.Sent)) > 8 {
			t.Errorf("a label is too wide: %+v", w)
		}
	}
}

// TestStagesHintsAreTranslated: each key of the table is what some stage still
// says, to the letter.
func TestStagesHintsAreTranslated(t *testing.T) {
	source := sources(t)
	for hint, translation := range japanese.hints {
		if !strings.Contains(source, `"`+hint+`"`) {
			t.Errorf("no stage says %q", hint)
		}
		if missing := literals(hint, translation); missing != "" || !strings.HasSuffix(translation, "。") {
			t.Errorf("%q lacks %s: %q", hint, missing, translation)
		}
	}
}

// sources are those of the stages.
func sources(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == "../status" {
			return err
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHintInJapanese(t *testing.T) {
	const own, unknown = "load the operator's profile into the eSIM.", "ask for sim 4711."
	ja := Japanese.catalogue()
	for _, tc := range []struct {
		name, hint, want string
		reason           Reason
	}{
		{"the reason's", Hint("link", ReasonSIMMissing), ja.lookup("link", ReasonSIMMissing).hint, ReasonSIMMissing},
		{"a stage's own", own, ja.hints[own], ReasonSIMMissing},
		{"unknown", unknown, ja.lookup("link", ReasonSIMMissing).hint + " (" + unknown + ")", ReasonSIMMissing},
		{"unknown, and not to wait", unknown, unknown, ReasonConnecting},
	} {
		if got := ja.hint(&Finding{Stage: "link", Reason: tc.reason, Hint: tc.hint}); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
