package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/tunneling"
)

// startTimeout bounds the start of all of the lab's programs. It takes a fraction of a
// second, unless other labs and machines start at the same time.
const startTimeout = 20 * time.Second

// Lab is a running lab. Its methods are safe for concurrent use, except that
// only one of those that stop and start the same program may run at a time.
type Lab struct {
	Device, Uplink, VPC *Node
	Capture             *Capture       // of the device's whole traffic on the uplink
	AWS                 *awsiot.Broker // with Options.AWSIoT only
	Canal               *Canal         // with Options.Canal only
	Tunneling           *tunneling.Service
	Dir                 string // everything the lab writes, logs in Dir/log

	opts  Options
	certs *certificates

	vpn, resolver *Process
	broker        broker
	arrivals      arrivals

	mu       sync.Mutex
	closers  []func()
	closing  sync.Once
	closeErr error
}

// Start brings a lab up, ready for an agent. Close must be called, whether or
// not ctx has ended.
func Start(ctx context.Context, opts Options) (*Lab, error) {
	if why := Unavailable(); why != "" {
		return nil, errors.New(why)
	}
	if err := Sweep(); err != nil {
		return nil, err
	}
	dir, err := newDir()
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: dir, opts: opts}
	if err := l.build(ctx); err != nil {
		l.Close()
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	return l, nil
}

// build takes the steps in order; each needs the ones before it.
func (l *Lab) build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, step := range []func(context.Context) error{
		l.makeFiles, l.makeNodes, l.connect, l.startCanal, l.startCapture, l.startPrograms,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// makeNodes also records their process ids, for those who want to enter.
func (l *Lab) makeNodes(context.Context) error {
	err := parallel(
		func() (err error) { l.Device, err = newNode(Thing); return },
		func() (err error) { l.Uplink, err = newNode("uplink"); return },
		func() (err error) { l.VPC, err = newNode("vpc"); return },
	)
	if err != nil {
		return err
	}
	return writeState(l.Dir, l.nodes())
}

// nodes are those that were made, which are not all if the start failed.
func (l *Lab) nodes() []*Node {
	var nodes []*Node
	for _, n := range []*Node{l.Device, l.Uplink, l.VPC} {
		if n != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// startPrograms starts them at once: none needs another to be ready.
func (l *Lab) startPrograms(ctx context.Context) error {
	return parallel(
		func() error { return l.startUplink(ctx) },
		l.setUpDevice,
		func() error { return l.StartVPN(ctx) },
		func() error { return l.StartResolver(ctx) },
		func() error { return l.StartBroker(ctx) },
		func() error { return l.startSSHD(ctx) },
		l.startTunneling,
		l.startRelay,
	)
}

// Close takes everything down: every process of the lab is gone and waited
// for when it returns, and so is Dir. It may be called again.
func (l *Lab) Close() error {
	l.closing.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Lab) close() error {
	ends := []func() error{func() error {
		for _, closer := range l.closers {
			closer()
		}
		return nil
	}}
	for _, n := range l.nodes() {
		ends = append(ends, n.close)
	}
	err := parallel(ends...)
	if rmErr := os.RemoveAll(l.Dir); rmErr != nil {
		err = errors.Join(err, fmt.Errorf("removing the lab's files: %w", rmErr))
	}
	return err
}

// atClose has a function run by Close, after every process of the lab is told
// to end. It may be called twice.
func (l *Lab) atClose(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, fn)
}

// path names a file of the lab.
func (l *Lab) path(elem ...string) string {
	return filepath.Join(append([]string{l.Dir}, elem...)...)
}

// parallel runs all functions at once and returns all their errors.
func parallel(fns ...func() error) error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Poll calls try at that pace until it succeeds or ctx ends; the error is then
// the last one of a try that was not cut off.
func Poll(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last error
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), last)
		case <-tick.C:
		}
	}
}
