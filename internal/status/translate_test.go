package status

import (
	"strings"
	"testing"
)

// TestIn: what is for people is translated, and the original stays as it was.
func TestIn(t *testing.T) {
	b := NewBoard("gw-042", "1", "link", "dns")
	b.Set("link", Update{State: Down, Reason: ReasonNoAnswer, Detail: "vpn: nothing from 203.0.113.10:443 since 08:30:12; as never before", Notes: []string{"line 3: empty"}})
	b.SetWarnings([]Warning{NewWarning(WarnClock, "since the boot")})
	s := b.Snapshot()
	title, text := s.FixFirst.Title, s.Warnings[0].Text
	if en := s.In(English); en.FixFirst != s.FixFirst {
		t.Error("English was translated")
	}
	ja := s.In(Japanese)
	if want := japanese.texts["link"][ReasonNoAnswer]; ja.FixFirst.Title != want.title || ja.FixFirst.Hint != want.hint {
		t.Errorf("fix first %+v", ja.FixFirst)
	}
	if got := ja.Stages[1].Detail; got != "link を待っています" || ja.Stages[0].Detail != "vpn: 203.0.113.10:443 から 08:30:12 以降応答がありません。as never before" {
		t.Errorf("details %q, %q", ja.Stages[0].Detail, got)
	}
	if got := ja.Stages[0].Notes; len(got) != 1 || got[0] != "3 行目: 空欄です" || s.Stages[0].Notes[0] != "line 3: empty" {
		t.Errorf("notes %q", got)
	}
	if w := ja.Warnings[0]; w.Text != japanese.warnings[WarnClock].title || w.Detail != "since the boot" {
		t.Errorf("warning %+v", w)
	}
	if s.FixFirst.Title != title || s.Warnings[0].Text != text || !strings.HasPrefix(s.Stages[1].Detail, "for ") {
		t.Errorf("the original became %+v", s)
	}
}
