package benchproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// rig is a child and the wire between it and the service.
type rig struct {
	wire  *tunneling.Wire
	child *exec.Cmd
	ended chan error // gets the child's end
}

// service is the double, listening on loopback.
type service struct {
	*tunneling.Service
	bench       *bench
	port, roots string
}

// serve starts the service until ctx ends.
func (b *bench) serve(ctx context.Context) (*service, error) {
	certificate, roots, err := b.certificate()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{Service: tunneling.NewService(tunneling.Options{Certificate: certificate}), bench: b, roots: roots}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	go s.Serve(ctx, l)
	return s, nil
}

// start starts a child for destinations, as SERVICE=host:port,..., and waits
// for it to connect.
func (s *service) start(ctx context.Context, services []string, destinations string) (*rig, error) {
	tun := s.Open(services...)
	r := new(rig)
	var err error
	if r.wire, err = s.Wire(tun.ID); err != nil {
		return nil, err
	}
	if err := r.start(s.bench.binary, tun.DestinationToken, "-c", s.roots, "-d", destinations, "-e", serviceName+":"+s.port); err != nil {
		return nil, err
	}
	if err := r.wire.Connected(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// with starts a child, measures it and ends it.
func (b *bench) with(ctx context.Context, services []string, destinations string, measure func(*rig) ([]Row, error)) ([]Row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.start(ctx, services, destinations)
	if err != nil {
		return nil, err
	}
	rows, err := measure(r)
	return rows, errors.Join(err, r.close())
}

// certificate makes the service's, and a file with the authority's.
func (b *bench) certificate() (certificate tls.Certificate, roots string, err error) {
	ca, err := pki.NewCA("bench")
	if err != nil {
		return certificate, "", err
	}
	pair, err := ca.Server(serviceName)
	if err != nil {
		return certificate, "", err
	}
	if certificate, err = pair.TLS(); err != nil {
		return certificate, "", err
	}
	roots, err = ca.WriteCert(b.dir, "ca")
	return certificate, roots, err
}

// start runs the child as the agent does, but for the events. The kernel kills it
// with the thread that started it, which therefore waits for it.
func (r *rig) start(binary, token string, args ...string) error {
	args = append([]string{"localproxy", "-v", "1", "--endpoint-address", "127.0.0.1"}, args...)
	r.child = exec.Command(binary, args...)
	r.child.Env = append(os.Environ(), "AWSIOT_TUNNEL_ACCESS_TOKEN="+token)
	r.child.Stdout, r.child.Stderr = os.Stderr, os.Stderr
	r.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	r.ended = make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.child.Start()
		if started <- err; err == nil {
			r.ended <- r.child.Wait()
		}
	}()
	return <-started
}

// close ends the child in order.
func (r *rig) close() error {
	if err := r.child.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-r.ended
}

// cpu is the processor time that the child has used: the sum over its threads,
// for the whole process is counted in ticks of 10 ms only.
func (r *rig) cpu() (time.Duration, error) {
	names, err := filepath.Glob(r.proc("task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, name := range names {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a thread that has ended
		}
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
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
