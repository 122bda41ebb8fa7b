package status

// hints holds the next action for each stage and reason that is not ok: one
// concrete thing a field tech can do or ask for.
var hints = map[string]map[Reason]string{}

func hint(c Condition) string {
	if c.Hint != "" {
		return c.Hint
	}
	return hints[c.Stage][c.Reason]
}
