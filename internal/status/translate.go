package status

import "slices"

// In returns s with what it says to people in language l, as on the screen.
func (s Snapshot) In(l Language) Snapshot {
	c := l.catalogue()
	if c == &english {
		return s
	}
	s.Stages, s.Warnings = slices.Clone(s.Stages), slices.Clone(s.Warnings)
	for i, stage := range s.Stages {
		s.Stages[i].Detail = c.detail(stage)
		s.Stages[i].Notes = c.notes(stage)
	}
	for i, w := range s.Warnings {
		if t, ok := c.warnings[w.ID]; ok {
			s.Warnings[i].Text, s.Warnings[i].Hint, s.Warnings[i].Detail = t.title, t.hint, c.others(w.Detail)
		}
	}
	if f := s.FixFirst; f != nil {
		translated := *f
		translated.Title, translated.Hint = c.title(s, f), c.hint(f)
		s.FixFirst = &translated
	}
	return s
}
