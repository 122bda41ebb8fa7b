package status

import (
	"strings"
	"testing"
	"time"
)

func TestForScriptsTimes(t *testing.T) {
	at := time.Date(2026, 11, 21, 17, 30, 0, 999_999_999, time.FixedZone("JST", 9*60*60))
	s := Snapshot{Since: at, Started: at, Now: at, Stages: []Condition{{Since: at}}}
	got := s.ForScripts()
	for name, since := range map[string]time.Time{
		"since": got.Since, "started": got.Started, "now": got.Now, "a stage's since": got.Stages[0].Since,
	} {
		if text, err := since.MarshalText(); err != nil || string(text) != "2026-11-21T08:30:00Z" {
			t.Errorf("%s is %s, %v", name, text, err)
		}
	}
	if s.Stages[0].Since != at {
		t.Error("the snapshot itself was changed")
	}
}

func TestForScriptsKeepsAnEmptyList(t *testing.T) {
	if got := (Snapshot{Stages: []Condition{}}).ForScripts(); got.Stages == nil {
		t.Error("stages became null")
	}
}

// A link that something else dials has no VPN server that could be silent.
func TestTitleOfALinkThatIsDialled(t *testing.T) {
	for linkType, want := range map[string]map[Language]string{
		"interface": {English: "nothing answers through the link", Japanese: "リンクの先から応答がありません"},
		"openvpn":   {English: "the VPN server does not answer", Japanese: "VPN サーバーが応答しません"},
	} {
		b := NewBoard("gw-042", "0.1.0", "link")
		b.Set("link", Update{State: Down, Reason: ReasonNoAnswer, Facts: Facts{"type": linkType}})
		for language, title := range want {
			s := b.Snapshot()
			if got := s.In(language).FixFirst.Title; got != title {
				t.Errorf("%s: title %q, want %q", linkType, got, title)
			}
			if text := Text(s, TextOptions{Language: language}); !strings.Contains(text, title) {
				t.Errorf("%s: the screen says\n%s", linkType, text)
			}
		}
	}
}
