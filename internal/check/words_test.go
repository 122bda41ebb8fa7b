package check

import (
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// TestEveryCheckHasATitleInJapanese: and none that there is no check for.
func TestEveryCheckHasATitleInJapanese(t *testing.T) {
	for _, c := range all() {
		if title := japaneseTitles[c.id]; title == "" || title == c.title {
			t.Errorf("%s: %q", c.id, title)
		}
	}
	if got, want := len(japaneseTitles), len(all()); got != want {
		t.Errorf("%d titles for %d checks", got, want)
	}
}

func TestReportInJapanese(t *testing.T) {
	r := Report{Device: "gw-042", State: Error, Checks: []Result{
		{ID: "config", State: OK, Finding: "no fault"},
		{ID: "clock", State: Warning, Finding: "not confirmed", Fix: "set it."},
		{ID: "link", State: Error, Finding: "silent since 08:30", Fix: "let UDP 443 out."},
		{ID: "dns", State: Skipped, Finding: "waits for link"},
	}}
	want := `gw-042  異常 1 件、警告 1 件: まず link を直してください
  正常  config            no fault
  警告  clock             時計: not confirmed
                          対処: set it.
  異常  link              VPC へのリンク: silent since 08:30
                          対処: let UDP 443 out.
  省略  dns               waits for link
`
	if got := r.TextIn(status.Japanese); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for state, want := range map[State]string{Warning: "警告 1 件、異常はありません", OK: "異常は見つかりませんでした"} {
		r.State = state
		if got := r.TextIn(status.Japanese); !strings.Contains(got, want) {
			t.Errorf("%s: %s", state, got)
		}
	}
}
