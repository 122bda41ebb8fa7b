// Package power reads what the firmware and the sensors of a Raspberry Pi say
// about its supply and its heat. It only reads files of /sys.
package power

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The bits of the firmware's get_throttled.
// https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
const (
	underVoltageNow  = 1 << 0
	throttledNow     = 1 << 2
	hotNow           = 1 << 3
	underVoltageOnce = 1 << 16
)

// tooHot is where a Pi begins to slow down, in thousandths of a degree Celsius.
const tooHot = 80_000

// Reading is the state of one moment.
type Reading struct {
	Known        bool // something of it could be read
	UnderVoltage bool // now: the supply does not hold 4.63 V
	Sagged       bool // there was under-voltage since the boot
	Hot          bool // now
	Throttled    bool // the processor is slowed down now
	Thermometer  bool // Celsius is known
	Celsius      int
}

// Read reads the files below root, which is "/" but in tests.
func Read(root string) Reading {
	bits, known := throttled(filepath.Join(root, "sys/devices/platform/soc/soc:firmware/get_throttled"))
	alarm, sensor := voltageAlarm(filepath.Join(root, "sys/class/hwmon"))
	heat, thermometer := number(filepath.Join(root, "sys/class/thermal/thermal_zone0/temp"))
	return Reading{
		Known:        known || sensor || thermometer,
		UnderVoltage: bits&underVoltageNow != 0 || alarm,
		Sagged:       bits&underVoltageOnce != 0,
		Hot:          bits&hotNow != 0 || heat > tooHot,
		Throttled:    bits&throttledNow != 0,
		Thermometer:  thermometer,
		Celsius:      int(heat / 1000),
	}
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
