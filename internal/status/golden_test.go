package status

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden screens")

// golden compares got with a file of testdata, in which -update puts it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// fits fails the test for a line that a terminal would break. What is to be
// copied stays whole.
func fits(t *testing.T, screen string, columns int) {
	t.Helper()
	for l := range strings.Lines(screen) {
		if l = strings.TrimRight(l, "\n"); Width(l) > columns && !strings.HasPrefix(l, "  sudo ") {
			t.Errorf("%d columns: %q", Width(l), l)
		}
	}
}

func TestTextGoldenScreens(t *testing.T) {
	public := broken(2, Down, ReasonPublic, "closed: 10.0.0.2 answers 198.51.100.80, not private")
	public.Stages[1].State, public.Stages[1].Reason = Degraded, ReasonPublicAnswer
	warned := healthy()
	details := map[WarningID]string{WarnVPNCert: "vpn until 2026-12-10", WarnRefused: "the changed configuration is refused, the old one stays: line 3: device.thing: empty"}
	for id := range english.warnings {
		warned.Warnings = append(warned.Warnings, NewWarning(id, details[id]))
	}
	slices.SortFunc(warned.Warnings, func(a, b Warning) int { return strings.Compare(string(a.ID), string(b.ID)) })
	screens := map[string]Snapshot{
		"healthy":     healthy(),
		"warned":      warned,
		"no-answer":   broken(0, Down, ReasonNoAnswer, "vpn (openvpn): nothing from 203.0.113.10:443 since 08:30:12; the uplink is there (wlan0 via 192.168.77.1)"),
		"starting":    broken(0, Starting, ReasonConnecting, "vpn (openvpn): waiting for 203.0.113.10:443"),
		"trampled":    broken(1, Degraded, ReasonHostTrampled, "other programs on this device do not ask the agent: changed by NetworkManager"),
		"public":      public,
		"taken-over":  broken(3, Down, ReasonTakenOver, "another device uses the client id gw-042: the broker has closed 3 sessions soon after they began, the last after 12 s"),
		"daemon-down": daemonDown(ReasonUnreachable),
		"unfilled":    unfilled(),
	}
	for name, s := range screens {
		for suffix, language := range map[string]Language{"": English, ".ja": Japanese} {
			t.Run(name+suffix, func(t *testing.T) {
				got := Text(s, TextOptions{Language: language})
				fits(t, got, defaultWidth)
				golden(t, name+suffix+".txt", got)
			})
		}
	}
}

// explains fails the test for a screen that does not say where its reason is
// explained, or that a serial console cannot show.
func explains(t *testing.T, screen, stage string, reason Reason, language Language) {
	t.Helper()
	if more := ReasonsFile + "#" + Anchor(stage, reason) + "\n"; !strings.HasSuffix(screen, more) {
		t.Errorf("%s %s does not end with %s\n%s", stage, reason, more, screen)
	}
	if foreign := strings.IndexFunc(screen, func(r rune) bool { return r > '~' }); language == English && foreign >= 0 {
		t.Errorf("%s %s is not ASCII: %q", stage, reason, screen[foreign:])
	}
}

// TestEveryReasonHasAScreen: each stage with each of its reasons, as a technician
// reads it.
func TestEveryReasonHasAScreen(t *testing.T) {
	for stage, reasons := range english.texts {
		for suffix, language := range map[string]Language{"": English, ".ja": Japanese} {
			t.Run(stage+suffix, func(t *testing.T) {
				var b strings.Builder
				for _, reason := range sorted(reasons) {
					screen := Text(situation(stage, reason), TextOptions{Language: language})
					fits(t, screen, defaultWidth)
					explains(t, screen, stage, reason, language)
					b.WriteString("-- " + string(reason) + " --\n" + screen)
				}
				golden(t, "stage-"+stage+suffix+".txt", b.String())
			})
		}
	}
}

func sorted(reasons map[Reason]text) []Reason {
	var all []Reason
	for r := range reasons {
		all = append(all, r)
	}
	slices.Sort(all)
	return all
}

// situation is the snapshot in which stage has that reason, and no detail: what
// the tables alone say. What any stage may say, the dns stage says.
func situation(stage string, reason Reason) Snapshot {
	if stage == stageAny {
		stage = "dns"
	}
	i := slices.Index([]string{"link", "dns", "endpoint", "broker", "tunnel"}, stage)
	if i < 0 {
		s := daemonDown(reason)
		s.FixFirst.Stage, s.FixFirst.Hint = stage, Hint(stage, reason)
		return s
	}
	state := Down
	switch reason {
	case ReasonConnecting, ReasonRecovering, ReasonStandby:
		state = Starting
	case ReasonLeak, ReasonHostTrampled, ReasonFailover, ReasonUnsubscribed:
		state = Degraded
	}
	return broken(i, state, reason, "the detail of this moment")
}

func daemonDown(reason Reason) Snapshot {
	return Snapshot{
		Device: "gw-042", State: Down, Now: noon,
		FixFirst: &Finding{Stage: "daemon", Reason: reason, Hint: Hint("daemon", reason)},
	}
}
