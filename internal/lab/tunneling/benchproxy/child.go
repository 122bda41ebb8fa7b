package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
)

// bench is what all measurements share.
type bench struct {
	binary, dir string
	bytes       int64 // of each of four transfers
}

const serviceName = "data.tunneling.iot.bench-1.amazonaws.com"

// rig is a service, a child connected to it, and the wire between them.
type rig struct {
	wire  *tunneling.Wire
	child *exec.Cmd
	stop  context.CancelFunc
}

// start runs the child for destinations, as SERVICE=host:port,...
func (b *bench) start(ctx context.Context, services []string, destinations string) (*rig, error) {
	ca, err := pki.NewCA("bench")
	if err != nil {
		return nil, err
	}
	roots, err := ca.WriteCert(b.dir, "ca")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Server(serviceName)
	if err != nil {
		return nil, err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	service := tunneling.NewService(tunneling.Options{Certificate: certificate})
	go service.Serve(ctx, l)
	tun := service.Open(services...)
	r := &rig{stop: cancel}
	if r.wire, err = service.Wire(tun.ID); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	r.child = exec.Command(b.binary, "localproxy", "-v", "1", "-c", roots, "-d", destinations,
		"-e", serviceName+":"+port, "--endpoint-address", "127.0.0.1")
	r.child.Env = append(os.Environ(), "AWSIOT_TUNNEL_ACCESS_TOKEN="+tun.DestinationToken)
	r.child.Stdout, r.child.Stderr = os.Stderr, os.Stderr
	r.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.child.Start(); err != nil {
		cancel()
		return nil, err
	}
	return r, r.wire.Connected(ctx)
}

// close ends the child in order.
func (r *rig) close() error {
	defer r.stop()
	if err := r.child.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return r.child.Wait()
}

// cpu is the processor time that the child has used.
func (r *rig) cpu() (time.Duration, error) {
	data, err := os.ReadFile(r.proc("stat"))
	if err != nil {
		return 0, err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime in 1/100 s
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func (r *rig) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(r.child.Process.Pid), name)
}

// memory returns the resident memory now and at its peak, in bytes.
func (r *rig) memory() (now, peak int64, err error) {
	data, err := os.ReadFile(r.proc("status"))
	if err != nil {
		return 0, 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		switch {
		case fields[0] == "VmRSS:" && err == nil:
			now = n << 10
		case fields[0] == "VmHWM:" && err == nil:
			peak = n << 10
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("%s shows no memory", r.proc("status"))
	}
	return now, peak, nil
}
