package clock

import "golang.org/x/sys/unix"

// Synchronised reports whether a time server has confirmed the clock since the
// boot, which every NTP client tells the kernel (adjtimex(2)); known is false if
// the kernel may not be asked.
func Synchronised() (yes, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, true
}
