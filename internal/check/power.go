package check

import (
	"context"
	"fmt"

	"edgeagent/internal/power"
)

const powerFix = "use the official power supply and a short cable; move USB modems to a powered hub."

// checkPower reads what a Raspberry Pi's firmware and sensors say.
func checkPower(_ context.Context, x *examination) outcome {
	r := power.Read(x.file("/"))
	switch {
	case !r.Known:
		return skipped("this computer has no sensors for it")
	case r.UnderVoltage:
		return fault("under-voltage now: the supply does not hold 4.63 V", powerFix)
	case r.Hot:
		return warning(fmt.Sprintf("%d C: the processor is slowed down", r.Celsius), "give the case air or shade, or fit a heat sink.")
	case r.Sagged:
		return warning("there was under-voltage since the boot", powerFix)
	case r.Throttled:
		return warning("the processor is slowed down", powerFix)
	case r.Thermometer:
		return ok(fmt.Sprintf("no under-voltage, %d C", r.Celsius))
	}
	return ok("no under-voltage")
}
