package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// japaneseTexts are the files with what people read in Japanese.
var japaneseTexts = []string{
	"internal/check/catalog_ja.go", "internal/phrase/japanese.go", "internal/phrase/japanese_config.go",
	"internal/phrase/japanese_path.go", "internal/phrase/japanese_stage.go", "internal/status/catalog_ja.go", "internal/page/page.html",
	"README.ja.md", "docs/field-guide.ja.md",
}

// glossary has one Japanese word a concept, AWS's own where AWS has one, and what
// else it might be called: a technician searches for one word, and takes two
// words for two things.
var glossary = []struct{ concept, word, others string }{
	{"resolver", "リゾルバー", `リゾルバ($|[^ー])`},
	{"server", "サーバー", `サーバ($|[^ー])`},
	{"router", "ルーター", `ルータ($|[^ー])`},
	{"browser, user, broker", "ブラウザー、ユーザー、ブローカー", `(ブラウザ|ユーザ|ブローカ)($|[^ー])`},
	{"name server", "DNS サーバー", `ネームサーバ|DNSサーバ`},
	{"interface", "インターフェイス", `インターフェース`},
	{"daemon", "サービス", `デーモン`},
	{"private key", "秘密鍵", `(^|[^密有])鍵|プライベートキー`},
	{"subscribe", "サブスクライブ", `購読`},
	{"private address", "プライベートアドレス", `内部アドレス|プライベート IP($|[^v])`},
	{"private names", "VPC 内の名前", `内部名`},
	{"this device", "この機器", `このゲートウェイ|本機|端末機`},
	{"way out", "外部ネットワークへの経路", `外への経路|外部側`},
	{"carrier", "信号", `リンクアップ|キャリア`},
	{"installed", "インストール", `入っていない|入れるか`},
	{"Client VPN", "AWS クライアント VPN", `AWS Client VPN (は|が|の|に|から)`},
	{"version", "バージョン", `新しい版|旧版`},
	{"empty", "空欄", `空で可|空に(する|して)`},
	{"warn", "注意", `警告`},
	{"what runs", "動作", `動いて`},
	{"VPN's range", "VPN のアドレス範囲", `VPN の範囲`},
	{"link's end", "有効期限", `[^効]期限(切れ|は|が)`},
}

func TestOneJapaneseWordAConcept(t *testing.T) {
	for _, name := range japaneseTexts {
		text := readDoc(t, name)
		for _, entry := range glossary {
			for line := range strings.Lines(text) {
				if found := regexp.MustCompile(entry.others).FindString(strings.TrimSpace(line)); found != "" {
					t.Errorf("%s: %q, where %s is %s: %s", name, found, entry.concept, entry.word, strings.TrimSpace(line))
				}
			}
		}
	}
}

// TestPoliteJapanese: whole sentences are polite, as on the consoles and in the
// documents that technicians know; status and check stand on one screen. What is
// no sentence (a figure, a noun) stays as short as it is.
func TestPoliteJapanese(t *testing.T) {
	clause := regexp.MustCompile(`([\p{Han}\p{Hiragana}\p{Katakana}ー]+)(?:。|"|: | \(|\)|、次)`)
	polite := regexp.MustCompile(`(ます|です|ません|ました|ください)$`)
	plain := regexp.MustCompile(`..([うくすつぬふむるぐぶ]|ない|[いっしれ]た|だ|が)$`)
	for _, name := range japaneseTexts {
		for _, m := range clause.FindAllStringSubmatch(readDoc(t, name), -1) {
			if plain.MatchString(m[1]) && !polite.MatchString(m[1]) {
				t.Errorf("%s: %q is not polite", name, m[1])
			}
		}
	}
}

// TestConfigCheckInJapanese: the place stays as editors know it.
func TestConfigCheckInJapanese(t *testing.T) {
	t.Setenv("LC_ALL", "ja_JP.UTF-8")
	file := filepath.Join(t.TempDir(), "edgeagent.yaml")
	if err := os.WriteFile(file, []byte("device: {thing: ''}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	root := newRootCommand(nil)
	root.SetArgs([]string{"config", "check", file})
	root.SetErr(&said)
	if err := root.ExecuteContext(t.Context()); err == nil {
		t.Error("no fault in", file)
	}
	if want := file + ":1: device.thing: 空欄です。"; !strings.Contains(said.String(), want) {
		t.Errorf("want %s, got\n%s", want, said.String())
	}
}
