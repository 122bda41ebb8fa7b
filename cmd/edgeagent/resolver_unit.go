package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// daemonUnit is the packaged service.
const daemonUnit = "edgeagent.service"

// unitWithin bounds the question to systemd, which runs us itself.
const unitWithin = 2 * time.Second

// unitPlan is what systemd has in mind with the daemon's unit.
type unitPlan struct {
	job     string // of the unit's job: "stop", "restart", "start"; "" if there is none
	restart string // Restart= of the unit
	result  string // $SERVICE_RESULT in ExecStopPost= (systemd.exec(5)); "success" after a clean end
}

// startsAgain reports whether the unit is started again after it has ended. The
// job of `systemctl restart` is "restart" until the unit has stopped; a unit that
// ends by itself has none, and Restart= decides (systemd.service(5)).
func (p unitPlan) startsAgain() bool {
	switch p.job {
	case "":
	case "stop":
		return false
	default:
		return true
	}
	clean := p.result == "success"
	switch p.restart {
	case "always":
		return true
	case "on-success":
		return clean
	case "on-failure", "on-abnormal", "on-watchdog", "on-abort":
		return !clean && p.result != ""
	}
	return false
}

// restartFollows asks systemd whether the daemon is about to be started again.
// If it cannot be asked, the answer is no: then nobody starts anything.
func restartFollows(ctx context.Context, getenv func(string) string) bool {
	ctx, cancel := context.WithTimeout(ctx, unitWithin)
	defer cancel()
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	plan := unitPlan{result: getenv("SERVICE_RESULT")}
	jobs, err := conn.ListJobsContext(ctx)
	if err != nil {
		return false
	}
	for _, j := range jobs {
		if j.Unit == daemonUnit {
			plan.job = j.JobType
		}
	}
	restart, err := conn.GetServicePropertyContext(ctx, daemonUnit, "Restart")
	if err != nil {
		return false
	}
	plan.restart, _ = restart.Value.Value().(string)
	return plan.startsAgain()
}
