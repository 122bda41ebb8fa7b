package check

import (
	"context"

	"edgeagent/internal/power"
)

// checkPower reads what a Raspberry Pi's firmware and sensors say.
func checkPower(_ context.Context, x *examination) outcome {
	supply := say("power.fix")
	r := power.Read(x.file("/"))
	switch {
	case !r.Known:
		return skipped(say("power.unknown"))
	case r.UnderVoltage:
		return fault(say("power.low"), supply)
	case r.Hot:
		return warning(say("power.hot", r.Celsius), say("power.hot.fix"))
	case r.Sagged:
		return warning(say("power.sagged"), supply)
	case r.Throttled:
		return warning(say("power.slow"), supply)
	case r.Thermometer:
		return ok(say("power.degrees", r.Celsius))
	}
	return ok(say("power.ok"))
}
