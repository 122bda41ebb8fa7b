package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// head is what the page begins with.
const head = `# Performance

Written by ` + "`make bench`" + `, section by section; ` + "`sudo bin/labctl bench -only NAME bin/edgeagent`" + ` measures one of them again.
Everything runs in labs on one machine: the agent, its OpenVPN, and the VPC with everything in it share its cores.
Each section says when and on what it was measured. How a whole fleet comes back is simulated: [fleet.md](fleet.md).
`

// tableHead is the head of every table of figures.
const tableHead = "| Figure | Asked | Measured | Verdict |\n|---|---|---|---|\n"

// mark begins a section in the page's source.
func mark(name string) string { return "<!-- section " + name + " -->" }

// markdown is the section as it stands in the page. Its file's name is all that
// a plot needs: the directory follows from the page's.
func (s section) markdown(res result, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", s.title)
	fmt.Fprintf(&b, "`sudo bin/labctl bench -only %s bin/edgeagent`; %s\n\n", s.name, machine)
	b.WriteString(tableHead)
	for _, f := range res.figures {
		b.WriteString(f.line() + "\n")
	}
	if res.text != "" {
		b.WriteString("\n" + strings.TrimSpace(res.text) + "\n")
	}
	for _, p := range res.plots {
		fmt.Fprintf(&b, "\n![%s](performance/%s.svg)\n", p.plot.Title, p.name)
	}
	return b.String()
}

// updatePage replaces one section of the page and the summary of all.
func updatePage(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("updating the page: %w", err)
	}
	parts := parsePage(string(old))
	parts[name] = text
	return replaceFile(file, []byte(joinPage(parts)))
}

// parsePage returns the text of each section by its name.
func parsePage(page string) map[string]string {
	parts := map[string]string{}
	for _, s := range sections {
		_, rest, ok := strings.Cut(page, mark(s.name)+"\n")
		if !ok {
			continue
		}
		text, _, _ := strings.Cut(rest, "<!-- section ")
		parts[s.name] = strings.TrimSpace(text) + "\n"
	}
	return parts
}

// joinPage puts the sections together, with the summary in front.
func joinPage(parts map[string]string) string {
	var b strings.Builder
	b.WriteString(head + "\n" + summary(parts))
	for _, s := range sections {
		if text, ok := parts[s.name]; ok {
			fmt.Fprintf(&b, "\n%s\n%s", mark(s.name), text)
		}
	}
	return b.String()
}

// summary is the table of everything that was asked for, what is red first: a
// page that hides its faults at the end is read once.
func summary(parts map[string]string) string {
	var red, ok strings.Builder
	for _, s := range sections {
		_, figures, _ := strings.Cut(parts[s.name], tableHead)
		figures, _, _ = strings.Cut(figures, "\n\n") // other tables may follow
		for line := range strings.Lines(strings.TrimRight(figures, "\n") + "\n") {
			switch cells := strings.Split(strings.TrimSpace(line), " | "); {
			case len(cells) != 4:
			case strings.HasPrefix(cells[3], verdictRed):
				red.WriteString(line)
			case cells[3] == verdictOK+" |":
				ok.WriteString(line)
			}
		}
	}
	if red.Len()+ok.Len() == 0 {
		return ""
	}
	return "## Asked and measured\n\n" + tableHead + red.String() + ok.String()
}

// writePlots writes the pictures beside the page.
func writePlots(page string, plots []namedPlot) error {
	dir := strings.TrimSuffix(page, filepath.Ext(page))
	for _, p := range plots {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("writing plots: %w", err)
		}
		if err := replaceFile(filepath.Join(dir, p.name+".svg"), p.plot.SVG()); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
