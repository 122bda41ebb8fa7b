package phrase

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
	all := japanese()
	for _, p := range all {
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
		if got, _ := all.phrase(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

// speakers are the packages whose words the phrases translate.
var speakers = []string{"config", "vpn", "mqtt", "resolver", "control", "check", "tunnel", "agent", "clock", "modem", "../cmd/edgeagent"}

// literals are all strings in the source of a package, formats with stars.
func literals(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	var all strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || dir == "phrase" {
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
	// Go's own words, and what is put together of two texts.
	elsewhere := regexp.MustCompile(`^(x509|tls|open \*|write udp|read udp|operation not|i/o|asking \*:|the OpenVPN file cannot be used: stat|the text inside is|` +
		`put \* missing|\* is a directory|\* not yet valid: it|other programs .*: changed by|.* no DNS server there since)`)
	for _, p := range japanese() {
		if elsewhere.MatchString(p.english) {
			continue
		}
		pieces := strings.FieldsFunc(p.english, func(r rune) bool { return r == '*' })
		longest := slices.MaxFunc(pieces, func(a, b string) int { return len(a) - len(b) })
		if !strings.Contains(said, strings.TrimSuffix(strings.Trim(longest, " :,;()?"), " at")) {
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
		"vpn (openvpn): nothing from 203.0.113.10:443 since 08:30:12; the uplink is there (wlan0 via 192.168.77.1)":               "vpn (openvpn): 203.0.113.10:443 から 08:30:12 以降応答がありません。外部ネットワークへの経路はあります (wlan0、192.168.77.1 経由)",
		"10.0.0.2 answers SERVFAIL since 07:13:19; holding 10.0.6.105 until 07:15:19":                                             "10.0.0.2 の応答は SERVFAIL (07:13:19 以降)。07:15:19 まで前回の応答 10.0.6.105 を使います",
		"this device's certificate expired on 2026-11-21 07:13 UTC":                                                               "この機器の証明書の有効期限が 2026-11-21 07:13 UTC に切れました",
		"line 12: device.thing: empty; add the name under which the device is registered in AWS IoT":                              "12 行目: device.thing: 空欄です。AWS IoT に登録したモノの名前を書いてください",
		"put 1 missing file in place":                 "足りないファイル 1 個を配置してください",
		"something new: happened; connection refused": "something new: happened。接続を拒否されました",
	} {
		if got := Japanese(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
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
		for line := range strings.Lines(Japanese(err.Error())) {
			if english := sentence.FindString(notOurs.ReplaceAllString(line, "")); english != "" {
				t.Errorf("%s: %q is English: %s", filepath.Base(f), english, line)
			}
		}
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
		Japanese(text)
	})
}
