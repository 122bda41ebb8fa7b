package config

import (
	"fmt"
	"time"
)

// Bounds of the recovery ladder. A rung later than a day is never climbed within
// an AWS Client VPN session, and a SIM's session ends within hours as well. A
// reboot sooner than ten minutes after a loss would come before anything gentler
// has had its chance, and could follow another before a person can log in.
const (
	maxRung   = 24 * time.Hour
	minReboot = 10 * time.Minute
)

// rungKey is one key of the recovery section.
type rungKey struct {
	name  string
	after time.Duration
	least time.Duration
	never bool // 0s is accepted and leaves the rung out
}

// recovery checks that each rung of a ladder comes after the one before it.
func (r *reader) recovery(c Recovery) {
	r.ladder([]rungKey{
		{"openvpn_soft", c.OpenVPNSoft, time.Second, false},
		{"openvpn_hard", c.OpenVPNHard, time.Second, false},
		{"openvpn_process", c.OpenVPNProcess, time.Second, false},
		{"openvpn_start_over", c.OpenVPNStartOver, time.Second, false},
	})
	r.ladder([]rungKey{
		{"cellular_activate", c.CellularActivate, time.Second, true},
		{"cellular_reenable", c.CellularReenable, time.Second, true},
		{"cellular_reset", c.CellularReset, time.Second, true},
		{"cellular_modem_manager", c.CellularModemManager, time.Second, true},
		{"cellular_usb", c.CellularUSB, time.Second, true},
		{"cellular_reboot", c.CellularReboot, minReboot, true},
	})
	if c.Reboot && c.CellularReboot == 0 {
		r.refuse("recovery.reboot", "although cellular_reboot is 0s", "delete one of the two lines")
	}
}

// ladder checks the rungs that are not left out.
func (r *reader) ladder(keys []rungKey) {
	var before rungKey
	for _, k := range keys {
		if k.never && k.after == 0 {
			continue
		}
		between(r, "recovery."+k.name, k.after, k.least, maxRung)
		if before.name != "" && k.after <= before.after {
			r.outOfOrder(before, k)
		}
		before = k
	}
}

// outOfOrder blames the key that was written, not a default.
func (r *reader) outOfOrder(before, k rungKey) {
	path := "recovery." + k.name
	if r.given(path) {
		r.refuse(path, fmt.Sprintf("not after %s (%s)", before.name, plain(before.after)), "make it longer")
		return
	}
	r.refuse("recovery."+before.name, fmt.Sprintf("not before %s (%s)", k.name, plain(k.after)),
		"make it shorter, or set "+k.name+" to more")
}
