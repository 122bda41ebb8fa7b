package rival

import (
	"os"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/lab"
)

// TestUnitsAreAsTheReportSays holds the values that the report calls fair against
// what they are compared with.
func TestUnitsAreAsTheReportSays(t *testing.T) {
	old, err := os.ReadFile("/lib/systemd/system/openvpn@.service")
	if err != nil {
		t.Skip("needs Debian's openvpn: " + err.Error())
	}
	units, err := readUnits(&lab.Lab{Dir: "/lab"}, "/bin/edgeagent")
	if err != nil {
		t.Fatal(err)
	}
	debian, err := ParseUnit("clientvpn", string(old))
	if err != nil {
		t.Fatal(err)
	}
	openvpn, gateway := units[openvpnUnit], units[gatewayUnit]
	if openvpn.Restart != restartAlways || openvpn.RestartPause != debian.RestartPause || openvpn.StartLimitInterval != 0 {
		t.Errorf("OpenVPN's unit is %+v, Debian's older one %+v", openvpn, debian)
	}
	text, err := conf.ReadFile("conf/edgeagent.service")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := ParseUnit("", string(text))
	if err != nil {
		t.Fatal(err)
	}
	if gateway.Restart != agent.Restart || gateway.RestartPause != agent.RestartPause || gateway.StartLimitInterval != agent.StartLimitInterval {
		t.Errorf("the client's unit is %+v, the agent's %+v", gateway, agent)
	}
}

// TestGatewayUnitFillsIn holds that each option of the script has its value.
func TestGatewayUnitFillsIn(t *testing.T) {
	if _, err := os.Stat(openvpnUnitFile); err != nil {
		t.Skip("needs Debian's openvpn: " + err.Error())
	}
	units, err := readUnits(&lab.Lab{Dir: "/lab"}, "/bin/edgeagent")
	if err != nil {
		t.Fatal(err)
	}
	args := units[gatewayUnit].ExecStart
	for option, want := range map[string]string{
		"--endpoint": lab.EndpointHost, "--rootCA": "/lab/pki/iot-ca.crt", "--cert": "/lab/pki/device.crt",
		"--key": "/lab/pki/device.key", "--thing": lab.Thing, "--region": lab.Region, "--localproxy": "/bin/edgeagent",
	} {
		if i := slices.Index(args, option); i < 0 || i+1 >= len(args) || args[i+1] != want {
			t.Errorf("%s is not %q in %q", option, want, args)
		}
	}
	script, err := conf.ReadFile("conf/gateway.py")
	if err != nil {
		t.Fatal(err)
	}
	// The agent's topic and session; a client that differs here is another one.
	for _, want := range []string{"/tunnels/notify", "clean_session=False", "qos=1"} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the script lacks %q", want)
		}
	}
}
