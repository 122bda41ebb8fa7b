package main

import "testing"

func TestUnitStartsAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		plan unitPlan
		want bool
	}{
		"systemctl stop":               {unitPlan{job: "stop", restart: "always", result: "success"}, false},
		"systemctl stop of a dead one": {unitPlan{job: "stop", restart: "always", result: "exit-code"}, false},
		"systemctl restart":            {unitPlan{job: "restart", restart: "no", result: "success"}, true},
		"systemctl start meanwhile":    {unitPlan{job: "start", restart: "no", result: "success"}, true},
		"kill -9":                      {unitPlan{restart: "always", result: "signal"}, true},
		"it ended well":                {unitPlan{restart: "always", result: "success"}, true},
		"an admin's Restart=no":        {unitPlan{restart: "no", result: "signal"}, false},
		"on-failure, it ended well":    {unitPlan{restart: "on-failure", result: "success"}, false},
		"on-failure, watchdog":         {unitPlan{restart: "on-failure", result: "watchdog"}, true},
		"on-success, it ended well":    {unitPlan{restart: "on-success", result: "success"}, true},
		"on-success, watchdog":         {unitPlan{restart: "on-success", result: "watchdog"}, false},
		"by hand":                      {unitPlan{restart: "on-failure"}, false},
		"no such unit":                 {unitPlan{}, false},
	} {
		if got := tc.plan.startsAgain(); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
