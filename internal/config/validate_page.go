package config

import "net/netip"

// Keys of what is served to browsers and scrapers.
const (
	keyPage     = "status_page"
	keyPassword = "status_page_password_file"
	keyMetrics  = "metrics_listen"
)

// pages checks who may see the status and the metrics without the control
// socket: this device, or whoever knows the password.
func (r *reader) pages(c Config) {
	r.path(keyPassword, c.StatusPagePasswordFile, false)
	if p := c.StatusPage; p.IsValid() && r.servable(keyPage, p, c.Resolver.Listen) &&
		!p.Addr().IsLoopback() && c.StatusPagePasswordFile == "" {
		r.refuse(keyPage, "which others than this device reach", "write 127.0.0.1:8787, or set "+keyPassword)
	}
	m := c.MetricsListen
	switch {
	case !m.IsValid() || !r.servable(keyMetrics, m, c.Resolver.Listen):
	case !m.Addr().IsLoopback():
		r.refuse(keyMetrics, "not loopback", "write an address that only this device reaches: 127.0.0.1:9787")
	case clash(m, c.StatusPage):
		r.refuse(keyMetrics, "also "+keyPage, "write another port, or delete the line: the page serves /metrics too")
	}
}

// servable refuses what cannot be listened on.
func (r *reader) servable(path string, at, stub netip.AddrPort) bool {
	switch {
	case at.Addr().IsMulticast():
		r.refuse(path, "no device's address", "write one of this device's addresses")
	case at.Port() == 0:
		r.refuse(path, "port 0", "write a fixed port")
	case clash(at, stub):
		r.refuse(path, "also resolver.listen", "write another port")
	default:
		return true
	}
	return false
}

// clash reports whether two servers cannot listen at the same time.
func clash(a, b netip.AddrPort) bool {
	return a.IsValid() && b.IsValid() && a.Port() == b.Port() &&
		(a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}
