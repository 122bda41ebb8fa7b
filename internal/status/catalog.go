package status

import "fmt"

// A text says in plain words what a reason means for a stage, and names one
// concrete thing to do next.
type text struct{ title, hint string }

// catalogue is all that the screen says in one language.
type catalogue struct {
	words    words
	texts    map[string]map[Reason]text
	warnings map[WarningID]text
	// dialled are titles for a link that something else dials, where the reason's
	// own speaks of the VPN server.
	dialled map[Reason]string
	// hints translates, word for word, those that stages give instead of their
	// reason's own. One that is not here stays in English.
	hints map[string]string
	// translate puts what stages report into the language, as far as it is known.
	translate func(string) string
}

// words are the screen's fixed words; those with a % are formats.
type words struct {
	OK, Waiting, Starting, Degraded, Down, NotConfigured           string // of the whole
	StageOK, StageWaiting, StageStarting, StageDegraded, StageDown string // at most 5 columns
	VerdictFor                                                     string // state, age, title
	Verdict                                                        string // state, title
	About                                                          string // version, uptime
	WaitingFor                                                     string // a stage's name
	Next, Note, More, Found                                        string // begin a line
	Seconds, Minutes, Hours, Days                                  string // Hours and Days with the next smaller unit
	LastHour, RoundTrip, Losses, Received, Sent                    string // of the sparklines
}

// stageAny holds the texts of reasons that any stage may have.
const stageAny = "any"

// catalogue returns the one of language l.
func (l Language) catalogue() *catalogue {
	if l == Japanese {
		return &japanese
	}
	return &english
}

func (c *catalogue) lookup(stage string, reason Reason) text {
	for _, s := range []string{stage, stageAny} {
		if t, ok := c.texts[s][reason]; ok {
			return t
		}
	}
	return c.texts[stageAny][ReasonInternal]
}

// title says in plain words what f has found in s.
func (c *catalogue) title(s Snapshot, f *Finding) string {
	if stage, ok := s.Stage(f.Stage); ok && stage.Facts["type"] == "interface" {
		if title, ok := c.dialled[f.Reason]; ok {
			return title
		}
	}
	return c.lookup(f.Stage, f.Reason).title
}

// hint puts a finding's hint into the catalogue's language. Of a stage's own hint
// that has figures or names in it there is no translation: the reason's goes
// before it, unless that is to do nothing.
func (c *catalogue) hint(f *Finding) string {
	general := Hint(f.Stage, f.Reason)
	translated, ok := c.hints[f.Hint]
	switch {
	case f.Hint == general:
		return c.lookup(f.Stage, f.Reason).hint
	case ok:
		return translated
	case c == &english || general == waitIt:
		return f.Hint
	}
	return c.lookup(f.Stage, f.Reason).hint + " (" + f.Hint + ")"
}

// detail is a stage's in the catalogue's language, as far as it is known there.
// Of a stage that is ok it is names and figures.
func (c *catalogue) detail(d Condition) string {
	var before string
	if d.Reason == ReasonWaiting {
		if _, err := fmt.Sscanf(d.Detail, english.words.WaitingFor, &before); err == nil {
			return fmt.Sprintf(c.words.WaitingFor, before)
		}
	}
	if d.State == OK {
		return d.Detail
	}
	return c.others(d.Detail)
}

// others puts what the stages say into the catalogue's language.
func (c *catalogue) others(text string) string {
	if c.translate == nil {
		return text
	}
	return c.translate(text)
}

// whole is the word for the state of the whole.
func (w *words) whole(s State) string {
	switch s {
	case OK:
		return w.OK
	case Waiting:
		return w.Waiting
	case Starting:
		return w.Starting
	case Degraded:
		return w.Degraded
	}
	return w.Down
}

// stage is the word for the state of one stage.
func (w *words) stage(s State) string {
	switch s {
	case OK:
		return w.StageOK
	case Waiting:
		return w.StageWaiting
	case Starting:
		return w.StageStarting
	case Degraded:
		return w.StageDegraded
	}
	return w.StageDown
}
