package vpn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/handover"
	"edgeagent/internal/status"
)

// Handover is an OpenVPN that goes on while the agent is replaced. Its device,
// address and routes stay as they are; the record says what cannot be asked of
// the process: what the server pushed stands in its log alone.
type Handover struct {
	Link    string `json:"link"`
	Terms   string `json:"terms"` // what it was started with, see terms
	PID     int    `json:"pid"`
	Started uint64 `json:"started"`
	// Output and Management are descriptors; Rest was read of the latter already.
	Output     int    `json:"output"`
	Management int    `json:"management"`
	Rest       []byte `json:"rest"`

	Device  string         `json:"device"`
	Index   int            `json:"index"`
	Address netip.Prefix   `json:"address"`
	Remote  netip.AddrPort `json:"remote"`
	// Pin is the server's address in the configuration that the process has read;
	// without it, as in records of older versions, the process asks for one.
	Pin netip.Addr `json:"pin"`

	Servers  []netip.Addr  `json:"servers"`
	Ping     time.Duration `json:"ping_ns"`
	Redirect bool          `json:"redirect"`
	Hosts    []netip.Addr  `json:"hosts"`  // routed for other stages
	Forced   []netip.Addr  `json:"forced"` // hosts that need routes of their own

	// Uplink is the way by which the connection was made.
	UplinkDevice  string     `json:"uplink_device"`
	UplinkIndex   int        `json:"uplink_index"`
	UplinkGateway netip.Addr `json:"uplink_gateway"`
	UplinkSource  netip.Addr `json:"uplink_source"`
}

// FDs returns the descriptors in h.
func (h *Handover) FDs() []int {
	if h == nil {
		return nil
	}
	return []int{h.Output, h.Management}
}

// PIDs returns the process in h.
func (h *Handover) PIDs() []int {
	if h == nil {
		return nil
	}
	return []int{h.PID}
}

// terms is equal as long as OpenVPN need not be started anew: settings and
// contents of the user's files. What a version of the agent adds of its own is
// left out, so that an upgrade does not end the connection.
func terms(l config.Link, files []string) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q %q %t\n", l.Name, l.Config, l.Cert, l.Key, l.FullTunnel)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append([]string{l.Config}, files...)))) {
		data, err := os.ReadFile(name)
		fmt.Fprintf(sum, "%q %x %t\n", name, sha256.Sum256(data), err == nil)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Leave has the end of the Run that goes on leave OpenVPN running, if it is
// connected. Settle then tells of it.
func (o *OpenVPN) Leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaving = true
}

// isLeaving reports whether Leave was called.
func (o *OpenVPN) isLeaving() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.leaving
}

// Settle is called after the last Run. After Leave it returns what goes on, or
// nil; else it ends what was to be adopted and never came to a Run.
func (o *OpenVPN) Settle() *Handover {
	h := o.takeLeft()
	if h == nil || o.isLeaving() {
		return h
	}
	o.engine.End(h)
	return nil
}

// takeLeft returns what is left by a run or for one, once.
func (o *OpenVPN) takeLeft() *Handover {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := o.left
	o.left = nil
	return h
}

// bequeath leaves a connected OpenVPN to the next run or image. It is false if
// there is none, which includes one that has lost its connection just now.
func (k *keeper) bequeath(now time.Time) bool {
	if k.phase != connected || k.path == nil || k.mgmt == nil {
		return false
	}
	k.giveUp()
	rest := k.mgmt.release(func(m message) { k.message(now, m, true) })
	if k.phase != connected || k.path == nil {
		return false
	}
	h := &Handover{
		Link: k.o.opts.Link.Name, Terms: k.terms, Rest: rest,
		Device: k.path.Device, Index: k.path.Index, Address: k.path.Address, Remote: k.attempt.server, Pin: k.pin,
		Servers: k.push.servers, Ping: k.push.ping, Redirect: k.push.redirect, Hosts: k.routing.hosts,
		UplinkDevice: k.origin.device, UplinkIndex: k.origin.index,
		UplinkGateway: k.origin.gateway, UplinkSource: k.origin.source,
	}
	for host := range k.routing.forced {
		h.Forced = append(h.Forced, host)
	}
	if err := k.proc.Release(h, k.mgmt.conn); err != nil {
		k.log.Warn("OpenVPN cannot be left running", "err", err)
		return false
	}
	k.log.Info("OpenVPN goes on", "pid", h.PID, "device", h.Device)
	k.o.mu.Lock()
	k.o.left = h
	k.o.mu.Unlock()
	return true
}

// inherit goes on with the OpenVPN that was left for this run. It is false if
// there is none, or none that fits: then status says why it is started anew.
func (k *keeper) inherit(now time.Time) bool {
	h := k.o.takeLeft()
	if h == nil {
		return false
	}
	why := k.adopt(now, h)
	if why == "" {
		k.log.Info("OpenVPN taken over", "pid", h.PID, "device", h.Device, "server", h.Remote)
		return true
	}
	k.blame(now, cause{status.ReasonRecovering, "OpenVPN is started anew: " + why, "", fast})
	k.o.engine.End(h)
	return false
}

// adopt takes over process, connection and device, or says why that cannot be.
func (k *keeper) adopt(now time.Time, h *Handover) (why string) {
	prof, err := k.o.engine.Prepare()
	if err != nil {
		return err.Error()
	}
	id, _ := prof.findIdentity(k.o.opts.Link)
	if h.Link != k.o.opts.Link.Name || h.Terms != terms(k.o.opts.Link, id.files) {
		return "the link's configuration has changed"
	}
	dev, ok := k.net.link(h.Index)
	if !ok || !dev.up || dev.name != h.Device || !slices.Contains(dev.addresses, h.Address) {
		return fmt.Sprintf("%s with %s is gone", h.Device, h.Address)
	}
	proc, conn, err := k.o.engine.Adopt(h)
	if err != nil {
		return err.Error()
	}
	k.prof, k.id, k.terms, k.proc, k.pin, k.device = prof, id, h.Terms, proc, h.Pin, dev
	k.servers.random = prof.randomHost
	if server, ok := prof.sole(); ok && h.Pin.IsValid() {
		k.servers.note(found{query: server, addrs: []netip.Addr{h.Pin}})
	}
	k.expired = id.check(k.o.opts.Clock, now)
	k.watchExpiry(now)
	k.push = pushed{servers: h.Servers, ping: h.Ping, redirect: h.Redirect}
	k.routing.need(h.Hosts)
	for _, host := range h.Forced {
		k.routing.forced[host] = true
	}
	k.resume(now, h, conn)
	return ""
}

// resume goes on with the connection: nothing is called up before a probe was
// answered, and routes that stand are not touched.
func (k *keeper) resume(now time.Time, h *Handover, conn net.Conn) {
	k.phase, k.attempt = connected, attempt{server: h.Remote}
	k.path = &Path{Link: h.Link, Device: h.Device, Index: h.Index, Address: h.Address, Servers: k.resolvers()}
	k.target = h.Remote.Addr()
	k.up = k.net.uplink(k.target, h.Index)
	k.origin = hop{h.UplinkDevice, h.UplinkIndex, h.UplinkGateway, h.UplinkSource}
	k.manage(conn, h.Rest)
	if err := k.route(); err != nil {
		k.log.Warn("routing", "err", err)
	}
	k.health.connected(now, h.Ping)
	if k.up.ok() && k.up != k.origin {
		k.reconnect() // the uplink has changed meanwhile
	}
}

// Release implements process.
func (c *child) Release(h *Handover, management net.Conn) (err error) {
	h.Output, h.Management = handover.None, handover.None
	if h.Output, err = handover.Dup(c.output); err != nil {
		return err
	}
	if h.Management, err = handover.Dup(management.(*net.UnixConn)); err != nil {
		handover.Close(h.Output)
		return err
	}
	c.leave()
	_ = c.output.SetReadDeadline(time.Unix(1, 0))
	<-c.left
	select {
	case <-c.gone:
		handover.Close(h.FDs()...)
		return errGone
	default:
	}
	h.PID, h.Started = c.proc.PID, c.proc.Started
	c.output.Close()
	c.proc.Close()
	management.Close()
	return nil
}

// Adopt implements engine. The command line tells that it is our OpenVPN, the
// start time that it is the same.
func (p *program) Adopt(h *Handover) (process, net.Conn, error) {
	if !isLeftover(filepath.Join("/proc", fmt.Sprint(h.PID)), p.socket) {
		return nil, nil, fmt.Errorf("process %d is not its OpenVPN", h.PID)
	}
	proc, err := handover.Adopt(h.PID, h.Started)
	if err != nil {
		return nil, nil, err
	}
	management, err := handover.Open(h.Management, "management connection")
	if err != nil {
		proc.Close()
		return nil, nil, err
	}
	defer management.Close()
	conn, err := net.FileConn(management)
	if err != nil {
		proc.Close()
		return nil, nil, fmt.Errorf("taking over the management connection: %w", err)
	}
	output, err := handover.Open(h.Output, "output of OpenVPN")
	if err != nil {
		proc.Close()
		conn.Close()
		return nil, nil, err
	}
	return newChild(proc, output, p.socket), conn, nil
}

// End implements engine. One that is no child any more is found by Clean.
func (p *program) End(h *Handover) {
	handover.Close(h.FDs()...)
	if proc, err := handover.Adopt(h.PID, h.Started); err == nil {
		proc.End(endLimit)
	}
}
