package vpn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"edgeagent/internal/status"
)

const (
	sigTerm = syscall.SIGTERM
	sigKill = syscall.SIGKILL
)

// start starts a process, if clock, file and certificate allow it. The address of
// its server comes first, where the process itself is not to ask for it.
func (k *keeper) start(now time.Time) {
	if k.proc != nil {
		return
	}
	if c := k.prepare(now); c != nil {
		k.failed(now, *c)
		return
	}
	server, ok := k.server()
	if !ok {
		k.launch(now, netip.Addr{})
		return
	}
	addr, err := netip.ParseAddr(server.host)
	switch {
	case err == nil:
		k.launch(now, addr)
	case k.next.IsValid():
		k.launch(now, k.next)
	case k.trusted(server):
		k.launch(now, k.pin)
		k.next = netip.Addr{} // its release asks whether the name has moved
	default:
		if k.phase != seeking {
			k.lookups.reset()
		}
		k.phase, k.pending = seeking, server
		k.find()
	}
}

// launch starts a process for the server at pin; with none it will ask.
func (k *keeper) launch(now time.Time, pin netip.Addr) {
	if err := k.o.engine.Write(k.prof, pin); err != nil {
		k.failed(now, badFile(err))
		return
	}
	proc, err := k.o.engine.Start()
	if err != nil {
		k.failed(now, cannotStart(err))
		return
	}
	k.log.Info("OpenVPN started", "pid", proc.PID())
	k.proc, k.phase, k.fresh = proc, launching, true
	k.pin, k.next, k.pending = pin, pin, remote{}
	k.asked, k.killed, k.ordered = false, false, false
	k.attempt, k.push = attempt{}, pushed{}
	k.timers.set(dialTimer, now.Add(dialLimit))
	go func() {
		conn, err := proc.Dial(k.ctx)
		if !deliver(k.ctx, k.dialed, dialed{proc, conn, err}) && conn != nil {
			conn.Close()
		}
	}()
}

// cannotStart says why there is no process. A package that is being upgraded
// is back in a moment: a missing program is looked for again soon.
func cannotStart(err error) cause {
	if errors.Is(err, exec.ErrNotFound) {
		return cause{status.ReasonProcessExited, "the program openvpn is not installed", "Install it: apt install openvpn.", recheck}
	}
	return cause{status.ReasonProcessExited, err.Error(), "", fast}
}

// badFile says that there is no configuration for a process.
func badFile(err error) cause {
	return cause{status.ReasonBadConfig, err.Error(), "Correct the file, or download it again.", recheck}
}

// prepare reads the files anew and says why nothing should be started.
func (k *keeper) prepare(now time.Time) *cause {
	if c := (identity{}).check(k.o.opts.Clock, now); c != nil {
		return c
	}
	prof, err := k.o.engine.Prepare()
	if err != nil {
		c := badFile(err)
		return &c
	}
	if k.prof == nil {
		k.tellDropped(prof)
	}
	k.prof = prof
	k.servers.random = prof.randomHost
	id, c := prof.findIdentity(k.o.opts.Link)
	k.id, k.terms = id, terms(k.o.opts.Link, id.files)
	if c != nil {
		return c
	}
	k.watchExpiry(now)
	k.expired = nil
	return id.check(k.o.opts.Clock, now)
}

// tellDropped says once which lines of the user's file are not in force.
func (k *keeper) tellDropped(p *profile) {
	var names []string
	for _, d := range p.dropped {
		names = append(names, fmt.Sprintf("%d: %s", d.number, d.text))
	}
	if len(names) > 0 {
		k.log.Warn("lines of the OpenVPN file are left out: no scripts are run, and the agent owns the process",
			"file", p.file, "lines", strings.Join(names, ", "))
	}
}

// failed records that no process runs, and when the next is due.
func (k *keeper) failed(now time.Time, c cause) {
	k.phase, k.next = idle, netip.Addr{}
	k.blame(now, c)
	k.timers.set(startTimer, now.Add(c.pace.pause(&k.starts)))
	k.watchFilesFrom(now, c)
}

// reached takes over the management socket.
func (k *keeper) reached(d dialed) {
	now := time.Now()
	if d.proc != k.proc || k.phase != launching {
		if d.conn != nil {
			d.conn.Close()
		}
		return
	}
	if errors.Is(d.err, errGone) {
		return // its exit, which says why, is on the way
	}
	if d.err != nil {
		k.unreachable(now, d.err)
		return
	}
	k.timers.stop(dialTimer)
	k.phase = connecting
	k.manage(d.conn, nil)
}

// manage begins the conversation; before was said already. OpenVPN answers with
// a hold if it has just been started.
func (k *keeper) manage(conn net.Conn, before []byte) {
	k.mgmt = newManagement(conn, before)
	k.spoke(time.Now())
	k.command("state on")
	k.command("log on")
	k.command(fmt.Sprintf("bytecount %d", bytecountEvery/time.Second))
}

// unreachable ends a process that cannot be driven. If it has ended by itself,
// its exit says more than the failed connection does.
func (k *keeper) unreachable(now time.Time, err error) {
	if k.proc == nil {
		return
	}
	k.rest(now, cause{status.ReasonProcessExited, fmt.Sprintf("openvpn (pid %d) cannot be driven: %v", k.proc.PID(), err), "", fast})
}

// command sends one management command. A failure means that the process is
// ending or hangs: the end of the connection will be noticed as well.
func (k *keeper) command(s string) {
	if k.mgmt == nil {
		return
	}
	if err := k.mgmt.send(s); err != nil {
		k.log.Debug("management command failed", "command", s, "err", err)
		k.mgmt.close()
	}
}

// restart replaces the process, at once; with none, the next start is now.
func (k *keeper) restart(now time.Time) {
	k.asked = true
	if k.proc == nil {
		k.timers.set(startTimer, now)
		return
	}
	k.end(now)
}

// end asks the process to end.
func (k *keeper) end(now time.Time) {
	k.proc.Signal(sigTerm)
	k.expectEnd(now)
}

// expectEnd gives the process a moment to end by itself.
func (k *keeper) expectEnd(now time.Time) {
	if k.cause == nil {
		k.blame(now, k.endCause())
	}
	k.leave(now)
	k.timers.stop(dialTimer, releaseTimer, lookupTimer, wakeTimer, deviceTimer, speechTimer)
	if k.phase != ending {
		k.phase = ending
		k.timers.set(endTimer, now.Add(endLimit))
	}
}

// endCause is what is known before the process has ended.
func (k *keeper) endCause() cause {
	if k.attempt.found != nil {
		return *k.attempt.found
	}
	return cause{status.ReasonProcessExited, fmt.Sprintf("openvpn (pid %d) is ending", k.proc.PID()), "", fast}
}

// insist kills a process that did not end when asked.
func (k *keeper) insist(time.Time) {
	if k.proc != nil {
		k.killed = true
		k.proc.Signal(sigKill)
	}
}

// exits and messages are nil, and so never ready, while there is no process.
func (k *keeper) exits() <-chan exit {
	if k.proc == nil {
		return nil
	}
	return k.proc.Exited()
}

// messages is the management connection's side of exits.
func (k *keeper) messages() <-chan message {
	if k.mgmt == nil {
		return nil
	}
	return k.mgmt.in
}

// exited takes in the end of the process.
func (k *keeper) exited(now time.Time, x exit) {
	k.log.Info("OpenVPN ended", "pid", k.proc.PID(), "code", x.code, "signal", int(x.signal))
	k.drain()
	k.expectEnd(now)
	c := k.exitCause(k.proc.PID(), x)
	if k.mgmt != nil {
		k.mgmt.close()
	}
	asked := k.asked
	k.proc, k.mgmt, k.verdict, k.phase, k.asked = nil, nil, nil, idle, false
	k.timers.stop(endTimer)
	if asked && k.byUs(x) {
		k.timers.set(startTimer, now)
		return
	}
	k.failed(now, c)
}

// drain reads the last words that arrived before the end did.
func (k *keeper) drain() {
	if k.mgmt == nil {
		return
	}
	limit := time.After(killLimit)
	for {
		select {
		case m, ok := <-k.mgmt.in:
			if !ok {
				return
			}
			k.hear(m)
		case <-limit:
			return
		}
	}
}

// exitCause says why a process ended that nobody asked to end.
func (k *keeper) exitCause(pid int, x exit) cause {
	if k.verdict != nil && k.byUs(x) {
		return *k.verdict
	}
	if x.signal != 0 {
		return cause{status.ReasonProcessExited, fmt.Sprintf("openvpn (pid %d) was ended by signal %d (%s)", pid, x.signal, x.signal), "", fast}
	}
	if k.attempt.found != nil {
		return *k.attempt.found
	}
	// Before the release the management interface says nothing of what is wrong.
	for _, text := range x.output {
		if !k.fresh {
			break
		}
		if problem, ok := optionsError(text); ok {
			return cause{status.ReasonBadConfig, problem, "Correct that line of the OpenVPN file, or download it again.", slow}
		}
		if c := k.attempt.diagnose(afterTime(text)); c != nil {
			return *c
		}
	}
	text := fmt.Sprintf("openvpn (pid %d) ended with code %d", pid, x.code)
	if n := len(x.output); n > 0 {
		text += ": " + x.output[n-1]
	}
	return cause{status.ReasonProcessExited, text, "", fast}
}

// byUs reports whether a process that was asked to end did so for that, and
// was not killed by somebody else at the same time.
func (k *keeper) byUs(x exit) bool {
	return x.signal == 0 || x.signal == sigTerm || k.killed
}

// optionsError finds OpenVPN's complaint about its configuration. Pushed
// options that it does not know are no reason to end.
func optionsError(text string) (problem string, ok bool) {
	_, problem, ok = strings.Cut(text, "Options error: ")
	if !ok || strings.Contains(problem, "[PUSH-OPTIONS]") {
		return "", false
	}
	return "OpenVPN refuses its configuration: " + problem, true
}

// afterTime drops the date and time that OpenVPN prints first: one way from
// 2.5 on, another before.
func afterTime(text string) string {
	for _, layout := range []string{time.DateTime, time.ANSIC} {
		if _, err := time.Parse(layout, text[:min(len(text), len(layout))]); err == nil {
			return strings.TrimSpace(text[len(layout):])
		}
	}
	return text
}

// stop ends the process and takes everything back, within about two seconds. All
// of it stays if the process is left to the next run or image.
func (k *keeper) stop() {
	k.o.publish(nil)
	if k.o.isLeaving() && k.bequeath(time.Now()) {
		return
	}
	if k.proc != nil {
		k.proc.Signal(sigTerm)
		if !k.gone(endLimit) {
			k.proc.Signal(sigKill)
			k.gone(killLimit)
		}
	}
	if k.mgmt != nil {
		k.mgmt.close()
	}
	v, err := k.o.kernel.View()
	if err == nil {
		err = k.o.kernel.Change(v.ours(), nil)
	}
	if err := errors.Join(err, k.o.engine.Clean()); err != nil {
		k.log.Error("clearing up the link", "err", err)
	}
}

// gone waits for the end of the process, at most limit.
func (k *keeper) gone(limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-k.proc.Exited():
		return true
	case <-t.C:
		return false
	}
}
