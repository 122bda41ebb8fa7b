package field

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// intro is the beginning of docs/field-tests.md.
const intro = `# What it says when it breaks

Each row is a real run of the program in the lab (` + "`make field-tests`" + ` writes this page anew): a gateway, its site's router and a VPC in network
namespaces, with the real openvpn, unbound and mosquitto. Something is broken; noted is what ` + "`edgeagent status`" + ` names as the first cause and after
how long, which check is the first that is not ok, and how long after the repair all was well again. Probes were set to 2 s (60 s by default, 15 s in doubt), so the
times here are lower bounds for what a probe has to find; what the kernel, OpenVPN or the broker tells is as fast in the field.
Packets that left in the open, over all rows: %d.

| broken | how | status says | after | check says | back after |
|---|---|---|---|---|---|
`

// Write writes the page.
func Write(w io.Writer, results []Result) error {
	trap := 0
	for _, r := range results {
		trap += r.Trap
	}
	var b strings.Builder
	fmt.Fprintf(&b, intro, trap)
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Name, r.How, r.cause(), seconds(r.Detected), r.found(), r.back())
	}
	b.WriteString("\n## The screens\n")
	for _, r := range results {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", r.Name, indent(r.Screen))
		if r.Found.ID != "" {
			fmt.Fprintf(&b, "`edgeagent check`, in %s: **%s** %s: %s\n", seconds(r.Checked), r.Found.ID, r.Found.State, oneLine(r.Found.Finding))
			if r.Found.Fix != "" {
				fmt.Fprintf(&b, "Fix: %s\n", oneLine(r.Found.Fix))
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (r Result) cause() string {
	if r.Stage == "" {
		return "ok"
	}
	return strings.TrimSpace(r.Stage + " " + string(r.Reason))
}

func (r Result) found() string {
	if r.Found.ID == "" {
		return "ok"
	}
	return r.Found.ID
}

func (r Result) back() string {
	if r.Mend == nil {
		return "-"
	}
	return seconds(r.Recovered)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// indent makes a code block.
func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString("    " + line)
	}
	return b.String()
}
