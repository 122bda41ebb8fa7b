package soak

import (
	"math/rand/v2"
	"slices"
	"time"

	"edgeagent/internal/lab/faults"
	"edgeagent/internal/status"
)

// How things happen. A fault goes on for as long as a field's faults do that
// nobody sees coming: some are over before they are noticed.
const (
	shortest = 500 * time.Millisecond
	longest  = 25 * time.Second
	inPairs  = 0.3 // share of the rounds in which two things overlap
	fromHome = 0.4 // share of the rounds that begin on the preferred link
)

// spared is how many rounds follow one in which the device's DNS was trampled,
// before the next one: ten minutes about. The agent puts it back ten times an hour
// and then leaves it, as somebody seems to want it so.
const spared = 40

// step is one thing that happens.
type step struct {
	row   faults.Row
	lasts time.Duration // from its injection until it is lifted
}

// round is what happens before the next calm: one thing, or two of which the
// second begins while the first goes on.
type round struct {
	steps []step
	lift  []int // the steps in the order in which they are lifted
	home  bool  // the path is brought back to the preferred link before
}

// plan draws rounds from the seed. Each row comes once before any comes again.
type plan struct {
	dice *rand.Rand
	rows []faults.Row
	bag  []faults.Row
	calm int // rounds since the last one in which the device's DNS was trampled
}

func newPlan(seed uint64, rows []faults.Row) *plan {
	return &plan{dice: rand.New(rand.NewPCG(seed, 0)), rows: rows, calm: spared}
}

// next draws a round, of no step if no row may come. Without kills nothing is in it
// that ends the daemon.
func (p *plan) next(kills bool) round {
	r := round{home: p.dice.Float64() < fromHome}
	p.calm++
	may := func(row faults.Row) bool { return (kills || !ends(row)) && (p.calm > spared || !tramples(row)) }
	if !slices.ContainsFunc(p.rows, may) {
		return r
	}
	first := p.draw(may)
	r.steps = append(r.steps, p.step(first))
	r.lift = []int{0}
	beside := func(row faults.Row) bool { return may(row) && overlap(first, row) }
	if p.dice.Float64() >= inPairs || !slices.ContainsFunc(p.rows, beside) {
		return r
	}
	second := p.draw(beside)
	r.steps = append(r.steps, p.step(second))
	// What a person does comes before what breaks it: a tunnel cannot be opened
	// over a path that is cut.
	slices.SortStableFunc(r.steps, func(a, b step) int { return rank(a.row) - rank(b.row) })
	r.lift = p.dice.Perm(2)
	return r
}

// draw takes a row that fits out of the bag.
func (p *plan) draw(fits func(faults.Row) bool) faults.Row {
	for {
		if i := slices.IndexFunc(p.bag, fits); i >= 0 {
			row := p.bag[i]
			p.bag = slices.Delete(p.bag, i, i+1)
			if tramples(row) {
				p.calm = 0
			}
			return row
		}
		more := slices.Clone(p.rows)
		p.dice.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
		p.bag = append(p.bag, more...)
	}
}

func (p *plan) step(row faults.Row) step {
	// Short ones are as frequent as long ones.
	d := time.Duration(p.dice.Int64N(int64(longest)))
	if p.dice.IntN(2) == 0 {
		d /= 10
	}
	return step{row: row, lasts: max(shortest, d)}
}

// place is where in the lab a row takes hold; two at the same place would undo
// each other.
func place(row faults.Row) string {
	if len(row.Want) == 0 {
		return ""
	}
	return row.Want[0].Stage
}

// Places of rows that are no faults.
const (
	placeWork   = "work"   // what people and programs do with the agent
	placeDaemon = "daemon" // the daemon itself ends
)

// overlap reports whether two rows may go on at the same time. A fault of which
// the place is not known goes alone, but for work.
func overlap(a, b faults.Row) bool {
	pa, pb := place(a), place(b)
	if pa == pb {
		return false
	}
	return pa == placeWork || pb == placeWork || pa != "" && pb != ""
}

// tramples reports whether the row changes how the device's programs ask for names.
func tramples(row faults.Row) bool {
	return len(row.Want) > 0 && row.Want[0].Reason == status.ReasonHostTrampled
}

// ends reports whether the row ends the daemon.
func ends(row faults.Row) bool { return place(row) == placeDaemon }

// rank orders the steps of a round.
func rank(row faults.Row) int {
	switch place(row) {
	case placeWork:
		return 0
	case placeDaemon:
		return 2
	}
	return 1
}
