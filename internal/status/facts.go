package status

// Stage returns the condition of the named stage; false if it is not there.
func (s Snapshot) Stage(name string) (Condition, bool) {
	for _, c := range s.Stages {
		if c.Stage == name {
			return c, true
		}
	}
	return Condition{}, false
}

// Number reads a fact of whatever numeric type its stage publishes; false if it
// is not there or no number.
func (f Facts) Number(key string) (float64, bool) {
	switch n := f[key].(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
