package vpn

// serve tells the link what it is for now. An OpenVPN that stands by is kept
// connected and probed, unless it is metered: then it is not run at all.
func (o *OpenVPN) serve(d duty) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hasty = d.hasty
}

// doubt implements carrier.
func (o *OpenVPN) doubt() { nudge(o.doubts) }

// nudge wakes whoever listens, who need not be told twice.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// rungs implements carrier.
func (o *OpenVPN) rungs() int64 { return o.climbed.Load() }

// isHasty reports whether another link is ready to take over.
func (o *OpenVPN) isHasty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hasty
}
