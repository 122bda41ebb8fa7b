package vpn

import (
	"fmt"
	"time"

	"edgeagent/internal/status"
)

// harmless is of all management commands the one without an effect, in every version.
const harmless = "pid"

// spoke notes a sign of life of the process: any line of its management socket,
// where the counters alone come every bytecountEvery once it is connected.
func (k *keeper) spoke(now time.Time) {
	k.questioned = false
	k.timers.set(speechTimer, now.Add(speechLimit))
}

// doubt asks a process that says nothing whether it lives, and replaces one that
// does not answer. Stopped, or stuck in the kernel, it would not end by itself, and
// the ladder's orders would reach it by the same socket. During a hold it has
// nothing to say.
func (k *keeper) doubt(now time.Time) {
	switch {
	case k.mgmt == nil || k.phase != connecting && k.phase != connected:
	case !k.questioned:
		k.questioned = true
		k.timers.set(speechTimer, now.Add(replyLimit))
		k.command(harmless)
	default:
		text := fmt.Sprintf("openvpn (pid %d) hangs: it has said nothing for %s", k.proc.PID(), speechLimit+replyLimit)
		k.blame(now, cause{status.ReasonProcessExited, text, "", fast})
		k.restart(now)
	}
}
