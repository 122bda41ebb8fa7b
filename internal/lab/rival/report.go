package rival

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Target is the ratio that the comparison is to reach in the median.
const Target = 3.0

// page is the text around the figures.
//
//go:embed report.md.tmpl
var page embed.FS

// Slower returns the rows in which the agent is not faster.
func (r Result) Slower() []Row {
	return slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.Ratio() == 0 || row.Ratio() > 1 })
}

// Markdown returns the section of the report without its heading, which is the
// page's.
func (r Result) Markdown() string {
	var b strings.Builder
	t := template.Must(template.ParseFS(page, "report.md.tmpl"))
	// Into memory, and of a template that a test renders: it does not fail.
	if err := t.Execute(&b, r); err != nil {
		return err.Error()
	}
	return b.String()
}

// Reached says whether the target is.
func (r Result) Reached() bool { return r.Ratio() >= Target }

// Line is the row of the table.
func (r Row) Line() string {
	cells := []string{
		r.Fault, fmt.Sprintf("%d", len(r.Agent)), noticed(r.Agent), noticed(r.Rival),
		back(r.Agent), back(r.Rival), r.ratioText(), leaks(r.Agent), leaks(r.Rival), r.person(),
	}
	if len(r.Agent) != len(r.Rival) {
		cells[1] = fmt.Sprintf("%d/%d", len(r.Agent), len(r.Rival))
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// ratioText marks a ratio that is only a bound, and a row that is not won.
func (r Row) ratioText() string {
	ratio := r.Ratio()
	if ratio == 0 {
		return "-"
	}
	text := fmt.Sprintf("%.1f", ratio)
	if recovered(r.Rival) >= Limit {
		text = "> " + text
	}
	if ratio <= 1 {
		text = "**" + text + "**"
	}
	return text
}

// person names whose device somebody has to go to.
func (r Row) person() string {
	var who []string
	for name, samples := range map[string][]Sample{"agent": r.Agent, "stack": r.Rival} {
		if slices.ContainsFunc(samples, func(s Sample) bool { return s.Recovered >= Limit }) {
			who = append(who, name)
		}
	}
	slices.Sort(who)
	return strings.Join(who, ", ")
}

// noticed is the median time until a stack knew, if it did in most rounds.
func noticed(samples []Sample) string {
	if d, ok := knew(samples); ok {
		return seconds(d)
	}
	return "never"
}

// back is the median recovery, with the range if there is one.
func back(samples []Sample) string {
	if len(samples) == 0 {
		return "-"
	}
	var all []time.Duration
	for _, s := range samples {
		all = append(all, s.Recovered)
	}
	text := seconds(median(all))
	if low, high := seconds(slices.Min(all)), seconds(slices.Max(all)); low != high {
		text += fmt.Sprintf(" (%s to %s)", strings.TrimSuffix(low, " s"), high)
	}
	return text
}

// seconds writes a time; what has reached the limit has no end that is known.
func seconds(d time.Duration) string {
	if d >= Limit {
		return fmt.Sprintf("> %.0f s", Limit.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// leaks is how many packets left in the open, over all rounds.
func leaks(samples []Sample) string {
	sum := 0
	for _, s := range samples {
		sum += s.Leaks
	}
	return fmt.Sprint(sum)
}

// Boot is the line on what both stacks do until their first message.
func (r Result) Boot() string {
	line := func(samples func(Row) []Sample) string {
		var took []time.Duration
		var open []int
		for _, row := range r.Rows {
			for _, s := range samples(row) {
				took, open = append(took, s.Boot), append(open, s.BootLeaks)
			}
		}
		return fmt.Sprintf("%s with %d packets in the open (n = %d)", seconds(median(took)), median(open), len(took))
	}
	return "agent " + line(func(row Row) []Sample { return row.Agent }) + ", articles' stack " + line(func(row Row) []Sample { return row.Rival })
}

// Tunnel is the line on the way from a notification to a tunnel.
func (r Result) Tunnel() string {
	text := func(all []time.Duration) string {
		return fmt.Sprintf("%.0f ms (n = %d)", median(all).Seconds()*1000, len(all))
	}
	return "agent " + text(r.AgentTunnel) + ", articles' stack " + text(r.RivalTunnel)
}
