package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeagent/internal/plot"
)

// sectionNamed returns one of the real sections.
func sectionNamed(t *testing.T, name string) section {
	t.Helper()
	for _, s := range sections {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no section %q", name)
	return section{}
}

func update(t *testing.T, file, name string, res result) string {
	t.Helper()
	if err := updatePage(file, name, sectionNamed(t, name).markdown(res, "a machine.")); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestASectionIsRefreshedAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	update(t, file, "idle", result{figures: []figure{atMost("memory", 19, 15, "%.0f MB", "too much"), shown("bytes", "7")}, text: "How."})
	update(t, file, "dns", result{figures: []figure{atMost("latency", 100, 150, "%.0f µs", "")}})
	first := update(t, file, "start", result{figures: []figure{shown("time", "1 s")}})
	again := update(t, file, "start", result{figures: []figure{shown("time", "1 s")}})
	if first != again {
		t.Errorf("the same figures give another page:\n%s\nthen\n%s", first, again)
	}

	page := update(t, file, "idle", result{figures: []figure{atMost("memory", 12, 15, "%.0f MB", "too much")}})
	for _, want := range []string{"| memory | at most 15 MB | 12 MB | ok |", "| latency | at most 150 µs | 100 µs | ok |", "| time | – | 1 s |  |"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	for _, gone := range []string{"19 MB", "How.", "**red**"} {
		if strings.Contains(page, gone) {
			t.Errorf("%q is left in:\n%s", gone, page)
		}
	}
	order := []string{"## Asked and measured", "## While nothing", "## The DNS stub", "## From nothing"}
	for i := 1; i < len(order); i++ {
		if strings.Index(page, order[i-1]) > strings.Index(page, order[i]) || !strings.Contains(page, order[i-1]) {
			t.Errorf("%q does not stand before %q", order[i-1], order[i])
		}
	}
}

// The summary has what was asked for, what is red first, and nothing else.
func TestSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	update(t, file, "dns", result{figures: []figure{atMost("latency", 100, 150, "%.0f µs", ""), shown("rate", "9")},
		text: "| Server | a | b | c |\n|---|---|---|---|\n| unbound | 1 | 2 | ok |"})
	page := update(t, file, "idle", result{figures: []figure{atMost("memory", 19, 15, "%.0f MB", "too | much")}})
	_, rest, _ := strings.Cut(page, tableHead)
	got, _, _ := strings.Cut(rest, "\n\n")
	want := `| memory | at most 15 MB | 19 MB | **red**: too \| much |` + "\n| latency | at most 150 µs | 100 µs | ok |"
	if strings.TrimSpace(got) != want {
		t.Errorf("the summary is\n%s\nwant\n%s", got, want)
	}
}

func TestPlotsLieBesideThePage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	res := result{plots: []namedPlot{{"clients-time", plot.Plot{Title: "Clients"}}}}
	if err := writePlots(file, res.plots); err != nil {
		t.Fatal(err)
	}
	page := update(t, file, "clients", res)
	_, rest, _ := strings.Cut(page, "![Clients](")
	name, _, ok := strings.Cut(rest, ")")
	svg, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
	if !ok || err != nil || !strings.HasPrefix(string(svg), "<svg ") {
		t.Errorf("the page names %q, which holds %.20q: %v", name, svg, err)
	}
}

func TestUnknownSection(t *testing.T) {
	err := Run(t.Context(), Options{Only: []string{"idel"}})
	if err == nil || !strings.Contains(err.Error(), `no section "idel"`) || !strings.Contains(err.Error(), "idle, ") {
		t.Errorf("%v, want one that names those there are", err)
	}
}

// What is published tells nobody about the machine but what figures depend on.
func TestTheMachineHasNoName(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	m := readMachine()
	got := m.describe(time.Now(), loadAverage())
	if strings.Contains(got, name) || strings.Contains(got, "?") || !strings.Contains(got, " cores, ") {
		t.Errorf("it is described as %s", got)
	}
}

// A section that cannot be measured leaves what is known of it.
func TestAFailureLeavesThePageAsItWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	var progress strings.Builder
	r := &run{Options: Options{Page: file, Progress: &progress}, mu: new(sync.Mutex)}
	s := sectionNamed(t, "idle")
	s.measure = func(context.Context, *run) (result, error) {
		return result{figures: []figure{shown("memory", "7 MB")}}, nil
	}
	if err := r.one(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(before), "7 MB") || !strings.Contains(progress.String(), "  memory: 7 MB\n") {
		t.Fatalf("%s\nprogress: %s, %v", before, &progress, err)
	}
	s.limit = time.Millisecond
	s.measure = func(ctx context.Context, _ *run) (result, error) {
		<-ctx.Done()
		return result{figures: []figure{shown("memory", "0 MB")}}, ctx.Err()
	}
	if err := r.one(t.Context(), s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the section's limit", err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the page has changed: %s, %v", after, err)
	}
}
