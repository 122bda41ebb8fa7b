package machine

import (
	"os"
	"path/filepath"
	"testing"

	"edgeagent/internal/config"
)

func TestSetKeyChangesOneValueOfTheShippedFile(t *testing.T) {
	shipped, err := os.ReadFile("../../../configs/edgeagent.yaml")
	must(t, err)
	text := string(shipped)
	for key, value := range map[string]string{
		"device.thing": "gw-7", "link.routes": "[10.0.0.0/16]", "link.name": "office", "endpoint.host": "x-ats.iot.eu-west-1.amazonaws.com",
		"device.region": "eu-west-1", "resolver.host": "none", "probe.interval": "61s", "tunnel.services": "{WEB: \"127.0.0.1:80\"}", "log.level": "debug",
	} {
		text, err = setKey(text, key, value)
		must(t, err)
	}
	file := filepath.Join(t.TempDir(), "edgeagent.yaml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	got, err := config.Read(file)
	must(t, err)
	want, err := config.Read("../../../configs/minimal.yaml")
	must(t, err)
	if got.Device.Thing != "gw-7" || got.Links[0].Name != "office" || len(got.Links[0].Routes) != 1 ||
		got.Resolver.Host != "none" || got.Tunnel.Services["WEB"] != "127.0.0.1:80" || len(got.Tunnel.Services) != 1 ||
		got.Log.Level != "debug" || got.Probe.Interval == want.Probe.Interval {
		t.Errorf("read back: %+v", got)
	}
	want.MQTT.ClientID = "gw-7" // follows the thing's name
	if got.MQTT != want.MQTT {
		t.Errorf("another section has changed: %+v, it was %+v", got.MQTT, want.MQTT)
	}
}

func TestSetKeyRefusesWhatIsNotThere(t *testing.T) {
	const text = "device:\n  thing: a\nlog:\n  level: info\n"
	for _, key := range []string{"device.level", "log.thing", "nothing.thing", "device"} {
		if got, err := setKey(text, key, "x"); err == nil {
			t.Errorf("%s: %q", key, got)
		}
	}
}
