package rival

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseUnit(t *testing.T) {
	const base = "[Service]\nExecStart=/usr/sbin/openvpn --config %i.conf\n"
	tests := map[string]struct {
		files []string
		want  Unit
	}{
		"systemd's defaults": {
			[]string{base},
			Unit{Restart: "no", RestartPause: 100 * time.Millisecond, StartLimitInterval: 10 * time.Second, StartLimitBurst: 5},
		},
		"a drop-in wins": {
			[]string{base + "Restart=on-failure\nRestartSec=5s\n", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\n"},
			Unit{Restart: "always", RestartPause: 5 * time.Second, StartLimitBurst: 5},
		},
		"comments and unknown keys": {
			[]string{base + "#Restart=always\n;RestartSec=9\nLimitNPROC=10\nDeviceAllow=/dev/null rw\n"},
			Unit{Restart: "no", RestartPause: 100 * time.Millisecond, StartLimitInterval: 10 * time.Second, StartLimitBurst: 5},
		},
		"other ways to write it": {
			[]string{base + "WorkingDirectory = /etc/openvpn\nRestartSec=1min 30sec\nStartLimitInterval=90\nStartLimitBurst=3\n"},
			Unit{
				WorkingDirectory: "/etc/openvpn", Restart: "no", RestartPause: 90 * time.Second,
				StartLimitInterval: 90 * time.Second, StartLimitBurst: 3,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.ExecStart = []string{"/usr/sbin/openvpn", "--config", "office.conf"}
			got, err := ParseUnit("office", tt.files...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseUnitRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no program":          "[Service]\nRestart=always\n",
		"unknown Restart=":    "[Service]\nExecStart=x\nRestart=on-watchdog\n",
		"no span":             "[Service]\nExecStart=x\nRestartSec=soon\n",
		"a span below 0":      "[Service]\nExecStart=x\nRestartSec=-5s\n",
		"no number of starts": "[Service]\nExecStart=x\nStartLimitBurst=many\n",
	} {
		if u, err := ParseUnit("", text); err == nil {
			t.Errorf("%s: read as %+v", name, u)
		}
	}
}

// TestDebianUnit pins what the report says of Debian's unit. Should Debian give it
// a Restart= one day, the drop-in and the report have to be thought over.
func TestDebianUnit(t *testing.T) {
	text, err := os.ReadFile(openvpnUnitFile)
	if err != nil {
		t.Skip("needs Debian's openvpn: " + err.Error())
	}
	u, err := ParseUnit("clientvpn", string(text))
	if err != nil {
		t.Fatal(err)
	}
	if u.Restart != restartNo || u.WorkingDirectory != "/etc/openvpn/client" {
		t.Errorf("Debian's unit: %+v", u)
	}
	if last := u.ExecStart[len(u.ExecStart)-1]; last != "clientvpn.conf" {
		t.Errorf("ExecStart= ends in %q", last)
	}
}

// TestAgentUnitIsThePackagedOne keeps the copy true.
func TestAgentUnitIsThePackagedOne(t *testing.T) {
	packaged, err := os.ReadFile("../../../packaging/debian/edgeagent.service")
	if err != nil {
		t.Fatal(err)
	}
	own, err := conf.ReadFile("conf/edgeagent.service")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParseUnit("", string(packaged))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseUnit("", string(own))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseUnit(f *testing.F) {
	f.Add("clientvpn", "[Service]\nExecStart=/usr/sbin/openvpn --config %i.conf\nRestart=on-failure\nRestartSec=5s\n")
	f.Add("", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=x\nRestartSec=1min 30sec\n")
	f.Fuzz(func(t *testing.T, instance, text string) {
		u, err := ParseUnit(instance, text)
		if err != nil {
			return
		}
		if len(u.ExecStart) == 0 || u.RestartPause < 0 || u.StartLimitInterval < 0 {
			t.Errorf("%q is read as %+v", text, u)
		}
	})
}
