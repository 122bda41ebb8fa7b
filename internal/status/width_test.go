package status

import (
	"strings"
	"testing"
	"unicode"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "停止": 4, "VPN サーバー": 12, "e\u0301": 1, "▁█": 2, "。「」": 6, "ﾊﾝｶｸ": 4, "한글": 4} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestWrapJapanese(t *testing.T) {
	for _, tc := range []struct {
		width      int
		text, want string
	}{
		{24, "時計を合わせてください。", "> 時計を\n  合わせてください。\n"},     // endings stay with their word
		{12, "時計を合わせてください。", "> 時計を合わ\n  せて\n  ください。\n"}, // where there is room; no line begins with 。
		{10, "経路を確認。次", "> 経路を\n  確認。次\n"},
		{12, "証明書 (mqtt.cert) を確認", "> 証明書\n  (mqtt.cert)\n  を確認\n"},
		{16, "証明書 (mqtt.cert) を確認", "> 証明書\n  (mqtt.cert) を\n  確認\n"}, // no particle alone
		{16, "現場の「名前」です", "> 現場の\n  「名前」です\n"},                        // no line ends with 「
		{20, "Look at `ip route`.", "> Look at\n  `ip route`.\n"},     // a command is copied as a whole
		{19, "接続は`ip route`で", "> 接続は\n  `ip route`で\n"},
		{12, "Look at `ip route`.", "> Look at\n  `ip\n  route`.\n"},
		{20, "an odd ` in what a server says", "> an odd ` in what a\n  server says\n"},
		{4, "漢\u0301字", "> 漢\u0301\n  字\n"}, // an accent stays with its character
	} {
		if got := Wrap("> ", 2, tc.text, tc.width); got != tc.want {
			t.Errorf("%q in %d columns:\n%s", tc.text, tc.width, got)
		}
	}
}

// FuzzWrap: details come from other programs. Nothing of them is lost, but what
// could move the cursor, and no line is wider than its widest word allows.
func FuzzWrap(f *testing.F) {
	f.Add("VPN サーバーが応答しません。", 20)
	f.Add("a \xff b", 5)
	f.Add("か\u3099漢\u0301字字字字字字", 0)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 10 + max(0, width%100)
		got := Wrap("", 0, text, width)
		want := ""
		for _, word := range strings.Fields(text) {
			want += printable(word)
		}
		if strings.Join(strings.Fields(got), "") != want {
			t.Fatalf("%q became %q", text, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Fatalf("a character that is not printed in %q", got)
		}
		for l := range strings.Lines(got) {
			l = strings.TrimRight(l, "\n")
			if _, rest := piece(l + "x"); Width(l) > width && (rest != "" && rest != "x" || strings.ContainsFunc(l, unicode.IsSpace)) {
				t.Fatalf("%d columns in %q", Width(l), l)
			}
		}
	})
}
