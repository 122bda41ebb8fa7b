package check

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

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
