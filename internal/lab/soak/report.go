package soak

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result is what came of a soak.
type Result struct {
	Seed   uint64
	Took   time.Duration
	Rounds int
	Done   map[string]int // how often each thing happened

	Recoveries []Recovery // of each round
	Figures    []Figures  // after each round

	Sent, Lost, Repeated int // messages at QoS 1 to the device
	Trap                 int // packets that left in the open
	Frames               uint64
	Leaks                []string
	Red                  []string // what should not have been; empty: all was well
}

// Recovery is how long it took until all was well again.
type Recovery struct {
	After string
	Took  time.Duration
}

// Figures are what the agent held at a calm.
type Figures struct {
	At              time.Duration // since the start
	PID             int
	Resident        float64 // bytes
	FDs, Goroutines int
}

// Growth is how the memory of one daemon's life changed.
type Growth struct {
	Life        time.Duration
	First, Last float64 // bytes of memory in RAM
	PerHour     float64 // bytes, by least squares over the calms
}

// warmTime is how long a daemon may take to reach the memory that it works with,
// telling how long it must be watched: the collector of garbage makes waves.
const (
	warmTime = time.Minute
	telling  = 10 * time.Minute
)

// Growth returns that of the daemon that lived longest, its first minute left out.
// It is zero if none was seen three times.
func (r Result) Growth() Growth {
	lives := map[int][]Figures{}
	for _, f := range r.Figures {
		lives[f.PID] = append(lives[f.PID], f)
	}
	var best Growth
	for _, pid := range slices.Sorted(maps.Keys(lives)) {
		all := lives[pid]
		warm := slices.IndexFunc(all, func(f Figures) bool { return f.At-all[0].At >= warmTime })
		if warm < 0 || len(all)-warm < 3 {
			continue
		}
		if g := growth(all[warm:]); g.Life > best.Life {
			best = g
		}
	}
	return best
}

// String is for people.
func (g Growth) String() string {
	slope := fmt.Sprintf("%+.2f MB/h by least squares", g.PerHour/1e6)
	if g.Life < telling {
		slope = "too short a time for a slope"
	}
	return fmt.Sprintf("%.1f MB, %.1f MB %s later; %s", g.First/1e6, g.Last/1e6, g.Life.Round(time.Second), slope)
}

func growth(all []Figures) Growth {
	var hours, bytes float64 // the means
	for _, f := range all {
		hours += f.At.Hours() / float64(len(all))
		bytes += f.Resident / float64(len(all))
	}
	var above, below float64
	for _, f := range all {
		above += (f.At.Hours() - hours) * (f.Resident - bytes)
		below += (f.At.Hours() - hours) * (f.At.Hours() - hours)
	}
	first, last := all[0], all[len(all)-1]
	return Growth{Life: last.At - first.At, First: first.Resident, Last: last.Resident, PerHour: above / below}
}

// slowest are the longest recoveries, the longest first.
func (r Result) slowest(n int) []Recovery {
	all := slices.SortedStableFunc(slices.Values(r.Recoveries), func(a, b Recovery) int { return cmp.Compare(b.Took, a.Took) })
	return all[:min(n, len(all))]
}

// middle is the median of the recoveries.
func (r Result) middle() time.Duration {
	if len(r.Recoveries) == 0 {
		return 0
	}
	all := slices.SortedFunc(slices.Values(r.Recoveries), func(a, b Recovery) int { return cmp.Compare(a.Took, b.Took) })
	return all[len(all)/2].Took
}

// Write writes the page about a soak; command repeats it.
func Write(w io.Writer, r Result, command string) error {
	var b strings.Builder
	fmt.Fprint(&b, head)
	verdict := "**All was well.**"
	if len(r.Red) > 0 {
		verdict = fmt.Sprintf("**%d things should not have been:**\n\n- %s", len(r.Red), strings.Join(r.Red, "\n- "))
	}
	fmt.Fprintf(&b, "## The last run\n\n%s\n\n", verdict)
	g := r.Growth()
	slow := r.slowest(5)
	rows := [][2]string{
		{"command", "`" + command + "`"},
		{"seed", fmt.Sprint(r.Seed)},
		{"length", fmt.Sprintf("%s, %d rounds, %d things done", r.Took.Round(time.Second), r.Rounds, r.things())},
		{"packets in the open", fmt.Sprintf("%d of %d on the device's cable", r.Trap, r.Frames)},
		{"messages at QoS 1", fmt.Sprintf("%d, %d lost, %d sent again by the broker", r.Sent, r.Lost, r.Repeated)},
		{"well again after", fmt.Sprintf("%.1f s in the median", r.middle().Seconds())},
		{"left behind", cmp.Or(strings.Join(r.Leaks, "; "), "nothing")},
		{"memory", g.String()},
		{"descriptors, goroutines at the calms", r.span()},
	}
	fmt.Fprint(&b, "| what | figure |\n|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	fmt.Fprint(&b, "\nThe slowest recoveries, counted from the moment at which the last fault was lifted:\n\n| after | s |\n|---|---:|\n")
	for _, s := range slow {
		fmt.Fprintf(&b, "| %s | %.1f |\n", s.After, s.Took.Seconds())
	}
	fmt.Fprint(&b, "\nWhat was done, and how often:\n\n| what | times |\n|---|---:|\n")
	for _, name := range slices.Sorted(maps.Keys(r.Done)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, r.Done[name])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// things counts all that was done.
func (r Result) things() (n int) {
	for _, times := range r.Done {
		n += times
	}
	return n
}

// span tells between which figures the daemon's holdings were.
func (r Result) span() string {
	if len(r.Figures) == 0 {
		return "none"
	}
	least, most := r.Figures[0], r.Figures[0]
	for _, f := range r.Figures {
		least.FDs, most.FDs = min(least.FDs, f.FDs), max(most.FDs, f.FDs)
		least.Goroutines, most.Goroutines = min(least.Goroutines, f.Goroutines), max(most.Goroutines, f.Goroutines)
	}
	return fmt.Sprintf("%d to %d, %d to %d", least.FDs, most.FDs, least.Goroutines, most.Goroutines)
}

const head = `# Soak

A gateway of the lab, with a SIM behind the VPN, to which everything happens at random: every fault of the
[fault matrix](reliability.md) that may happen again and again, two of them at a time now and then, tunnels with data in them, floods of
notifications, reloads, questions, and the daemon killed. A message at QoS 1 goes to the device twice a second all the time. After each round
all must be well again within two minutes (five where a timer of the world's own rules, see there, and for ten minutes after another device had the same
client id), without help; nothing of the device may be seen in the open; other programs must find the endpoint at its private address. At the end the agent must hold what it held after the first round, and no message may be missing.

    make soak HOURS=1 SEED=42

plays the same things in the same order again (how many fit into the time depends on the machine). This page is written by that command.

`
