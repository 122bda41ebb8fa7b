package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// throttled are the bits of the firmware's get_throttled.
// https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
const (
	underVoltageNow  = 1 << 0
	throttledNow     = 1 << 2
	hotNow           = 1 << 3
	underVoltageOnce = 1 << 16
)

// tooHot is where a Pi begins to slow down, in thousandths of a degree.
const tooHot = 80_000

const powerFix = "use the official power supply and a short cable; move USB modems to a powered hub."

// checkPower reads what a Raspberry Pi's firmware and sensors say.
func checkPower(_ context.Context, x *examination) outcome {
	bits, known := throttled(x.file("/sys/devices/platform/soc/soc:firmware/get_throttled"))
	alarm, sensor := voltageAlarm(x.file("/sys/class/hwmon"))
	heat, thermometer := number(x.file("/sys/class/thermal/thermal_zone0/temp"))
	switch {
	case !known && !sensor && !thermometer:
		return skipped("this computer has no sensors for it")
	case bits&underVoltageNow != 0, alarm:
		return fault("under-voltage now: the supply does not hold 4.63 V", powerFix)
	case bits&hotNow != 0, heat > tooHot:
		return warning(fmt.Sprintf("%d C: the processor is slowed down", heat/1000), "give the case air or shade, or fit a heat sink.")
	case bits&underVoltageOnce != 0:
		return warning("there was under-voltage since the boot", powerFix)
	case bits&throttledNow != 0:
		return warning("the processor is slowed down", powerFix)
	case thermometer:
		return ok(fmt.Sprintf("no under-voltage, %d C", heat/1000))
	}
	return ok("no under-voltage")
}

// throttled reads the firmware's word, hexadecimal with or without 0x.
func throttled(file string) (uint64, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	bits, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(data)), "0x"), 16, 64)
	return bits, err == nil
}

// voltageAlarm asks the kernel's driver rpi_volt.
func voltageAlarm(dir string) (alarm, found bool) {
	names, _ := filepath.Glob(filepath.Join(dir, "*", "name"))
	for _, name := range names {
		if data, err := os.ReadFile(name); err != nil || strings.TrimSpace(string(data)) != "rpi_volt" {
			continue
		}
		if n, ok := number(filepath.Join(filepath.Dir(name), "in0_lcrit_alarm")); ok {
			return n != 0, true
		}
	}
	return false, false
}

func number(file string) (int64, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}
