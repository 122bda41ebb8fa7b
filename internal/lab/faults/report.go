package faults

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// intro is the beginning of docs/reliability.md.
const intro = `# What it takes to break it

Each row is a run of the real program in a lab of its own: a gateway, its site's router and a VPC in network namespaces, with the
real openvpn, unbound and mosquitto, or the stand-in for AWS IoT Core where mosquitto cannot fail so. The daemon runs with its default pace, as shipped.
` + "`%s`" + ` writes this page anew, and ends with an error if a row is red.

A fault is put in while messages for the device are published at QoS 1, five a second. *Named* is how long until ` + "`edgeagent status`" + ` named
the right cause; *back* how long from the end of the fault (of the repair, or of the fault itself if nothing is repaired) until all was well and stayed so for %s.
Messages are counted by the broker's log and by the daemon's own count of what it has read: *lost* are those that the broker took and the device never
acknowledged or never read. The daemon's own messages to its status topic must end in a retained one that says what the daemon says. *Open* are packets of private names or addresses on the site's cable. *Left over* compares processes, file descriptors, goroutines,
routes, rules and files with those before the fault. Bounds: named within %s; back within %s of the repair, or, where
nobody repairs anything but the agent itself, within the sum of both; nothing lost, nothing in the open, nothing left over.

`

// Write writes the page; command is what repeats it.
func Write(w io.Writer, command string, results []Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, intro, command, seconds(steady), seconds(DetectBound), seconds(RecoverBound))
	summary(&b, Summarize(results))
	table(&b, results)
	about(&b, "Red rows", results, func(r Result) string { return strings.Join(r.Red(), "; ") })
	about(&b, "Ruled by the world's own timers", results, func(r Result) string { return r.World })
	about(&b, "Notes", results, func(r Result) string { return r.Note })
	about(&b, "Left out", results, func(r Result) string { return r.LeftOut })
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func summary(b *strings.Builder, s Summary) {
	fmt.Fprintf(b, "| | |\n|---|---|\n")
	for _, line := range [][2]string{
		{"rows", fmt.Sprintf("%d, red: %d, left out: %d", s.Rows, s.Red, s.LeftOut)},
		{"named after", times(s.DetectedMedian, s.DetectedMax, "where no timer of the world's rules", s.DetectedBoundedMax)},
		{"back after", times(s.RecoveredMedian, s.RecoveredMax, "after a repair where no timer of the world's rules", s.RecoveredBoundedMax)},
		{"messages", fmt.Sprintf("%d sent, %d lost, %d delivered twice", s.Sent, s.Lost, s.Duplicated)},
		{"packets in the open", fmt.Sprint(s.Trap)},
		{"rows that left something over", fmt.Sprint(s.Leaking)},
	} {
		fmt.Fprintf(b, "| %s | %s |\n", line[0], line[1])
	}
}

func times(median, largest time.Duration, which string, bounded time.Duration) string {
	return fmt.Sprintf("median %s, longest %s; longest %s: %s", seconds(median), seconds(largest), which, seconds(bounded))
}

func table(b *strings.Builder, results []Result) {
	b.WriteString("\n| fault | how | named | status said | back | sent | lost | twice | open | left over | |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		if r.LeftOut != "" {
			continue
		}
		verdict := ""
		if len(r.Red()) > 0 {
			verdict = "**red**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %d | %d | %d | %d | %d | %s |\n", cell(r.Name), cell(r.How),
			r.named(), cell(r.Said), r.back(), r.Sent, r.Lost, r.Duplicated, r.Trap, len(r.Leaks), verdict)
	}
}

// named is a time, or that there was nothing to name.
func (r Result) named() string {
	if len(r.Want) == 0 || r.Passes && r.Detected == 0 {
		return "absorbed"
	}
	return seconds(r.Detected)
}

func (r Result) back() string {
	if r.named() == "absorbed" && r.Recovered == 0 {
		return "-"
	}
	return seconds(r.Recovered)
}

// about writes a list of the rows of which there is something to say.
func about(b *strings.Builder, title string, results []Result, say func(Result) string) {
	head := "\n## " + title + "\n\n"
	for _, r := range results {
		if what := say(r); what != "" {
			fmt.Fprintf(b, "%s- **%s**: %s\n", head, r.Name, oneLine(what))
			head = ""
		}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cell keeps a text within its column.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }
