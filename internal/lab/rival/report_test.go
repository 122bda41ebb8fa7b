package rival

import (
	"strings"
	"testing"
	"time"
)

const s = time.Second

// sample is a comparison of three rows: won, lost, and one that never came back.
func sample() Result {
	return Result{
		Took: 12 * time.Minute, AgentTunnel: []time.Duration{40 * time.Millisecond}, RivalTunnel: []time.Duration{31 * time.Millisecond},
		Rows: []Row{
			{Fault: "won", How: "one", Agent: []Sample{
				{Boot: 2 * s, Noticed: 10 * s, Recovered: 1 * s},
				{Boot: 2 * s, Noticed: -1, Recovered: 2 * s},
				{Boot: 2 * s, Noticed: 12 * s, Recovered: 3 * s},
			}, Rival: []Sample{
				{Boot: 4 * s, BootLeaks: 3, Noticed: -1, Recovered: 8 * s, Leaks: 2},
				{Boot: 4 * s, BootLeaks: 3, Noticed: -1, Recovered: 9 * s, Leaks: 3},
			}, Failed: []string{"no lab"}},
			{Fault: "lost", How: "two", Note: "For a reason.",
				Agent: []Sample{{Noticed: 0, Recovered: 2 * s}}, Rival: []Sample{{Noticed: 0, Recovered: 1 * s}}},
			{Fault: "dead", How: "three",
				Agent: []Sample{{Noticed: s, Recovered: 3 * s}}, Rival: []Sample{{Noticed: -1, Recovered: Limit}}},
		},
	}
}

func TestMarkdown(t *testing.T) {
	text := sample().Markdown()
	for _, want := range []string{
		"`make bench`", "`bin/labctl bench -only rivals bin/edgeagent`; it took 12 minutes.",
		"In the median of 3 faults the articles' stack takes **4.5 times** as long as the agent to come back; 3 is the target.",
		"It takes 1.0 times as long to notice, in the median of what both notice; it never notices 2 of the faults, the agent 0.\n",
		"| won | 3/2 | 12.0 s | never | 2.0 s (1.0 to 3.0 s) | 9.0 s (8.0 to 9.0 s) | 4.5 | 0 | 5 |  |\n",
		"| lost | 1 | 0.0 s | 0.0 s | 2.0 s | 1.0 s | **0.5** | 0 | 0 |  |\n",
		"| dead | 1 | 1.0 s | never | 3.0 s | > 300 s | > 100.0 | 0 | 0 | stack |\n",
		"agent 2.0 s with 0 packets in the open (n = 5)",
		"agent 40 ms (n = 1), articles' stack 31 ms (n = 1)",
		"**Where the agent is not faster:**\n\n- lost: 0.5 times. For a reason.\n",
		"Rounds of *won* that did not work and are left out: 1.",
		"- won: one.\n", "- dead: three.\n", "What is faked: systemd.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestMarkdownOfADefeat holds that a missed target is said, not left out.
func TestMarkdownOfADefeat(t *testing.T) {
	r := sample()
	r.Rows = r.Rows[1:2]
	text := r.Markdown()
	for _, want := range []string{"**0.5 times**", "**the target, 3, is missed.**"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	r.Rows = sample().Rows[:1]
	if text := r.Markdown(); strings.Contains(text, "not faster") {
		t.Errorf("nothing was lost, yet:\n%s", text)
	}
}

func TestFaultTable(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults() {
		if seen[f.name] || f.name == "" || f.how == "" || f.inject == nil || f.rounds == 0 {
			t.Errorf("fault %q is there twice, or lacks something", f.name)
		}
		if (f.hold > 0) != (f.lift != nil) || f.expect < 2*f.hold {
			t.Errorf("fault %q: it is held for %s, lifted: %v, expected to take %s", f.name, f.hold, f.lift != nil, f.expect)
		}
		seen[f.name] = true
	}
	if len(seen) < 13 {
		t.Errorf("%d faults", len(seen))
	}
}

func TestJobsBeginWithTheLongest(t *testing.T) {
	c := &comparison{faults: []fault{{expect: s, rounds: 2}, {expect: 9 * s, rounds: 1}}}
	jobs := c.jobs()
	if len(jobs) != 3 || jobs[0] != (job{1, 0}) || jobs[1] != (job{0, 0}) || jobs[2] != (job{0, 1}) {
		t.Errorf("the order is %v", jobs)
	}
}
