package rival

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Defaults of systemd, from systemd-system.conf(5).
const (
	defaultRestartPause  = 100 * time.Millisecond
	defaultStartInterval = 10 * time.Second
	defaultStartBurst    = 5
)

// Values of Restart=, from systemd.service(5).
const (
	restartNo        = "no"
	restartAlways    = "always"
	restartOnFailure = "on-failure"
)

// Unit is what the supervisor takes from a unit file; see systemd.service(5) and
// systemd.unit(5).
type Unit struct {
	ExecStart        []string
	WorkingDirectory string
	Restart          string
	RestartPause     time.Duration // RestartSec=
	// More than StartLimitBurst starts within StartLimitInterval leave the unit
	// failed for ever; an interval of 0 sets no limit.
	StartLimitInterval time.Duration
	StartLimitBurst    int
}

// ParseUnit reads a unit file and its drop-ins in order, with %i and %I replaced
// by instance. What the supervisor does not use is passed over, a value that it
// cannot understand is an error.
func ParseUnit(instance string, files ...string) (Unit, error) {
	u := Unit{
		Restart: restartNo, RestartPause: defaultRestartPause,
		StartLimitInterval: defaultStartInterval, StartLimitBurst: defaultStartBurst,
	}
	specifiers := strings.NewReplacer("%i", instance, "%I", instance)
	for _, text := range files {
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
				continue
			}
			if err := u.set(strings.TrimSpace(key), specifiers.Replace(strings.TrimSpace(value))); err != nil {
				return Unit{}, fmt.Errorf("reading a unit file: %s: %w", strings.TrimSpace(line), err)
			}
		}
	}
	if len(u.ExecStart) == 0 {
		return Unit{}, fmt.Errorf("reading a unit file: no ExecStart=")
	}
	return u, nil
}

// set takes one setting.
func (u *Unit) set(key, value string) (err error) {
	switch key {
	case "ExecStart":
		u.ExecStart = strings.Fields(value)
	case "WorkingDirectory":
		u.WorkingDirectory = value
	case "Restart":
		if value != restartNo && value != restartAlways && value != restartOnFailure {
			return fmt.Errorf("the supervisor does not know it")
		}
		u.Restart = value
	case "RestartSec":
		u.RestartPause, err = parseSpan(value)
	case "StartLimitIntervalSec", "StartLimitInterval":
		u.StartLimitInterval, err = parseSpan(value)
	case "StartLimitBurst":
		u.StartLimitBurst, err = strconv.Atoi(value)
	}
	return err
}

// parseSpan reads a span of systemd.time(7): a number alone is in seconds.
func parseSpan(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(strings.NewReplacer(" ", "", "min", "m", "sec", "s").Replace(text))
	if err == nil && d < 0 {
		err = fmt.Errorf("a negative span")
	}
	return d, err
}
