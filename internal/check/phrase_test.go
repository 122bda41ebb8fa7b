package check

import (
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestPhrase(t *testing.T) {
	for _, tc := range []struct{ english, other, text, want string }{
		{"no route", "経路なし", "no route", "経路なし"},
		{"no route", "経路なし", "no route to host", ""},
		{"* has no carrier", "* は未接続", "eth0 has no carrier", "eth0 は未接続"},
		{"* answers * since *", "*3 から *1 が *", "10.0.0.2 answers SERVFAIL since 04:18", "04:18 から 10.0.0.2 が SERVFAIL"},
		{"found *, *", "*2 が *1", "found a, b, c", "b, c が a"},
		{"(*)", "[*]", "(a) and (b)", "[a) and (b]"},
		{"*", "*", "", ""},
	} {
		p := phrase{tc.english, tc.other}
		captured, ok := p.match(tc.text)
		got := ""
		if ok {
			got = p.fill(captured)
		}
		if got != tc.want {
			t.Errorf("%q in %q: %q, want %q", tc.english, tc.text, got, tc.want)
		}
	}
}

// TestNoPhraseHidesAnother: each is found where it is said, with as many stars in
// both languages.
func TestNoPhraseHidesAnother(t *testing.T) {
	l := japanese()
	for _, p := range l.phrases {
		var captured []string
		text := p.english
		for strings.Contains(text, "*") {
			word := fmt.Sprintf("W%d", len(captured))
			captured = append(captured, word)
			text = strings.Replace(text, "*", word, 1)
		}
		want := p.fill(captured)
		for _, w := range captured {
			if !strings.Contains(want, w) {
				t.Errorf("%q loses what differs: %q", p.english, want)
			}
		}
		if got, _ := l.phrase(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

// speakers are the packages whose words the phrases translate.
var speakers = []string{"config", "vpn", "mqtt", "resolver", "control", "check"}

// literals are all strings in the source of a package, formats with stars.
func literals(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	var all strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(filepath.Base(f), "phrases_") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s scanner.Scanner
		set := token.NewFileSet()
		s.Init(set.AddFile(f, -1, len(data)), data, nil, 0)
		for _, tok, lit := s.Scan(); tok != token.EOF; _, tok, lit = s.Scan() {
			if tok == token.STRING {
				text, _ := strconv.Unquote(lit)
				all.WriteString(text + "\n" + strings.ReplaceAll(text, `\"`, `"`) + "\n") // as in a tag
			}
		}
	}
	return all.String()
}

// TestPhrasesAreStillSaid: nobody has reworded one without its translation.
func TestPhrasesAreStillSaid(t *testing.T) {
	said := ""
	for _, dir := range speakers {
		said += literals(t, dir)
	}
	elsewhere := regexp.MustCompile(`^(x509|tls|open \*|the OpenVPN file cannot be used: stat|the text inside is)`) // Go's own words
	for _, p := range japanese().phrases {
		if elsewhere.MatchString(p.english) {
			continue
		}
		pieces := strings.FieldsFunc(p.english, func(r rune) bool { return r == '*' })
		longest := slices.MaxFunc(pieces, func(a, b string) int { return len(a) - len(b) })
		if !strings.Contains(said, strings.Trim(longest, " :,;()?")) {
			t.Errorf("nobody says %q any more", p.english)
		}
	}
}

// TestTranslate: clauses one by one, and what is not known as it is.
func TestTranslate(t *testing.T) {
	for text, want := range map[string]string{
		"/etc/e.yaml:3: links[0].key: /etc/k.pem does not belong to the certificate; put the two that were issued together there": "/etc/e.yaml:3: links[0].key: /etc/k.pem が証明書と一致しません。同時に発行された証明書と秘密鍵を置いてください",
		"/etc/e.yaml:1: device.thing: missing; accepted: 1 to 128 characters":                                                     "/etc/e.yaml:1: device.thing: 未記入です。使える値: 1 to 128 characters",
		"10.0.6.105:8883: its certificate expired on 2026-11-21, this device's clock says 2026-11-22":                             "10.0.6.105:8883: 証明書の有効期限は 2026-11-21 ですが、この機器の時計は 2026-11-22 です",
		"something new: happened; connection refused":                                                                             "something new: happened。接続を拒否されました",
	} {
		if got := japanese().translate(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
		if got := english().translate(text); got != text {
			t.Errorf("English became %s", got)
		}
	}
}

// TestFaultsOfAConfigurationInJapanese goes through the mistakes that people make.
func TestFaultsOfAConfigurationInJapanese(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edgeagent.yaml")
	text := "device: {thing: '', region: nowhere}\nlinks:\n  - {name: vpn, type: openvpn}\nendpont: {}\nmqtt: {keep_alive: 900, ca: /none.pem}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newExamination(Options{ConfigFile: file})
	o := checkConfig(t.Context(), x)
	said := o.finding.in(japanese())
	for line := range strings.Lines(said) {
		if !regexp.MustCompile(`[ぁ-ん]`).MatchString(line) {
			t.Errorf("no Japanese: %s", line)
		}
	}
	for _, want := range []string{"device.thing: 空欄です", "endpont: 存在しないキーです", "links[0].config: 未記入です"} {
		if !strings.Contains(said, want) {
			t.Errorf("lacks %q:\n%s", want, said)
		}
	}
	if files := checkFiles(t.Context(), x); files.state != Error || !strings.Contains(files.finding.in(japanese()), "/none.pem がありません") {
		t.Errorf("a file that is missing beside them: %s %s", files.state, files.finding.in(japanese()))
	}
}

// TestBadConfigurationsInJapanese goes through those that the configuration's own
// tests collect. English is left only in quotes, and in what the YAML library says.
func TestBadConfigurationsInJapanese(t *testing.T) {
	files, err := filepath.Glob("../config/testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	notOurs := regexp.MustCompile(`"[^"]*"|YAML の誤り: .*`)
	sentence := regexp.MustCompile(`[a-z]{3,} [a-z]{2,}`)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Parse("f.yaml", data)
		if err == nil {
			continue // what is bad is a file that it names
		}
		for line := range strings.Lines(japanese().translate(err.Error())) {
			if english := sentence.FindString(notOurs.ReplaceAllString(line, "")); english != "" {
				t.Errorf("%s: %q is English: %s", filepath.Base(f), english, line)
			}
		}
	}
}

// TestStageInJapanese: the reason's title before the daemon's own words.
func TestStageInJapanese(t *testing.T) {
	f := stageSays{Stage: "dns", Reason: status.ReasonNXDomain, Detail: "10.0.0.2 does not know the endpoint's name", Hint: "x"}
	if got := f.in(english()); got != f.Detail {
		t.Errorf("in English: %s", got)
	}
	title := status.Snapshot{FixFirst: (*status.Finding)(&f)}.In(status.Japanese).FixFirst.Title
	if got, want := f.in(japanese()), title+" (10.0.0.2 にエンドポイントの名前がありません)"; got != want || title == "" {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzPhrase: whatever is said, translating ends and loses nothing it captured.
func FuzzPhrase(f *testing.F) {
	f.Add("* answers *", "10.0.0.2 answers SERVFAIL")
	f.Add("**", "ab")
	f.Fuzz(func(t *testing.T, english, text string) {
		p := phrase{english, english}
		if captured, ok := p.match(text); ok && !strings.ContainsAny(english, "123456789") && p.fill(captured) != text {
			t.Errorf("%q captured %q of %q", english, captured, text)
		}
		japanese().translate(text)
	})
}
