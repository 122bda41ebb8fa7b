package tunnel

import (
	"fmt"

	"edgeagent/internal/status"
)

// fault is why a tunnel was refused or failed, in the words of status.
type fault struct {
	kind   string // one for each cause: repeated log lines are limited by it
	reason status.Reason
	detail string
	hint   string // "" leaves it to the reason's own
}

// Error implements error.
func (f *fault) Error() string { return f.detail }

// refusal returns the fault of a notification that cannot be accepted. The
// format itself is its kind, so it must be a constant.
func refusal(format string, args ...any) *fault {
	return &fault{kind: format, reason: status.ReasonRefused, detail: fmt.Sprintf(format, args...)}
}

// failure returns the fault of a tunnel that was accepted but did not come up.
func failure(reason status.Reason, format string, args ...any) *fault {
	return &fault{kind: format, reason: reason, detail: fmt.Sprintf(format, args...)}
}
