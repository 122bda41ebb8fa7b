package status

// Title says in plain English what reason means for stage.
func Title(stage string, reason Reason) string { return english.lookup(stage, reason).title }

// Hint returns the next action for stage and reason, in English.
func Hint(stage string, reason Reason) string { return english.lookup(stage, reason).hint }

func hint(c Condition) string {
	if c.Hint != "" {
		return c.Hint
	}
	return Hint(c.Stage, c.Reason)
}

// ReasonsFile explains every reason; the package installs it there.
const ReasonsFile = "/usr/share/doc/edgeagent/reasons.md"

// Anchor is where in ReasonsFile a reason is explained, "" if it is not.
func Anchor(stage string, reason Reason) string {
	for _, s := range []string{stage, stageAny} {
		if _, ok := english.texts[s][reason]; ok {
			return s + "-" + string(reason)
		}
	}
	return stageAny + "-" + string(ReasonInternal)
}
