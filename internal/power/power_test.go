package power

import (
	"os"
	"path/filepath"
	"testing"
)

// root makes a directory with the files of a computer.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	const (
		firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
		heat     = "sys/class/thermal/thermal_zone0/temp"
		volt     = "sys/class/hwmon/hwmon1/"
	)
	for name, tc := range map[string]struct {
		files map[string]string
		want  Reading
	}{
		"no Pi":           {nil, Reading{}},
		"well":            {map[string]string{firmware: "0\n", heat: "51200\n"}, Reading{Known: true, Thermometer: true, Celsius: 51}},
		"now":             {map[string]string{firmware: "50005\n"}, Reading{Known: true, UnderVoltage: true, Sagged: true, Throttled: true}},
		"before":          {map[string]string{firmware: "0x50000\n"}, Reading{Known: true, Sagged: true}},
		"hot by firmware": {map[string]string{firmware: "8\n"}, Reading{Known: true, Hot: true}},
		"hot by sensor":   {map[string]string{heat: "85000\n"}, Reading{Known: true, Hot: true, Thermometer: true, Celsius: 85}},
		"driver's alarm":  {map[string]string{volt + "name": "rpi_volt\n", volt + "in0_lcrit_alarm": "1\n"}, Reading{Known: true, UnderVoltage: true}},
		"driver's rest":   {map[string]string{volt + "name": "rpi_volt\n", volt + "in0_lcrit_alarm": "0\n"}, Reading{Known: true}},
		"another driver":  {map[string]string{volt + "name": "cpu_thermal\n", volt + "in0_lcrit_alarm": "1\n"}, Reading{}},
		"garbage":         {map[string]string{firmware: "zz\n", heat: "-\n"}, Reading{}},
	} {
		if got := Read(root(t, tc.files)); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}
