package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// daemonGone is what whoever asks a daemon sees that does not answer.
var daemonGone = []Want{{Stage: "daemon"}}

// daemonRows are the faults of the daemon itself and of the system under it.
func daemonRows() []Row {
	var all []Row
	for _, part := range [][]Row{endRows(), configRows(), stateRows(), diskRows(), scarcityRows(), clockRows()} {
		all = append(all, part...)
	}
	return all
}

// toDaemon sends a signal to the daemon.
func toDaemon(sig syscall.Signal) func(context.Context, *Rig) error {
	return func(_ context.Context, r *Rig) error {
		r.Running().Signal(sig)
		return nil
	}
}

func endRows() []Row {
	return []Row{
		{Name: "daemon killed", How: "SIGKILL of the daemon; a stand-in for systemd starts it again by the unit's RestartSec=", Supervised: true,
			Inject: toDaemon(syscall.SIGKILL), Want: daemonGone},
		{Name: "daemon restarted", How: "SIGTERM to the daemon, as `systemctl restart` does", Supervised: true,
			Inject: toDaemon(syscall.SIGTERM), Want: daemonGone},
		{Name: "daemon hangs", How: "SIGSTOP of the daemon; a stand-in for systemd acts on WatchdogSec= (6 s here, 180 s in the unit), TimeoutStopSec= and RestartSec=",
			Supervised: true, Watchdog: 6 * time.Second,
			Inject: toDaemon(syscall.SIGSTOP), Want: daemonGone,
			World: "the watchdog's WatchdogSec=180 s (6 s here), and systemd's TimeoutStopSec=20 s before SIGKILL, for a stopped process does not see the SIGABRT"},
		{Name: "killed while it starts", How: fmt.Sprintf("%d times: SIGKILL of the daemon at a random moment of its first %s, then a start that must come up with one OpenVPN", startKills, startWindow),
			Inject: killStarts, Passes: true},
		{Name: "two daemons", How: "a second daemon is started with the same configuration and directories", Inject: secondDaemon},
	}
}

// The storm of kills: how many, and how far into the start.
const (
	startKills  = 50
	startWindow = 1500 * time.Millisecond
	startLimit  = 30 * time.Second // of one start that is left alone
)

// killStarts kills starts, each of which is followed by one that must succeed.
func killStarts(ctx context.Context, r *Rig) error {
	seed, random := random()
	r.Note = fmt.Sprintf("%s=%d repeats the moments", seedEnv, seed)
	for i := range startKills {
		r.Agent.Kill()
		a, err := r.StartAgent(r.Bin)
		if err != nil {
			return err
		}
		moment := time.Duration(random.Int64N(int64(startWindow)))
		if err := sleep(ctx, moment); err != nil {
			return err
		}
		a.Kill()
		if r.Agent, err = r.StartAgent(r.Bin); err != nil {
			return err
		}
		if err := r.cleanStart(ctx); err != nil {
			return fmt.Errorf("start %d after a kill at %s, seed %d: %w", i, moment, seed, err)
		}
	}
	return nil
}

// cleanStart waits until all is well with one OpenVPN.
func (r *Rig) cleanStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	// The tunnel stage may name the stream's last message.
	for _, stage := range []string{"link", "dns", "endpoint", "broker"} {
		if _, err := r.Agent.WaitStage(ctx, stage, status.OK, ""); err != nil {
			return err
		}
	}
	pids, err := r.Device.Processes("openvpn")
	if err == nil && len(pids) != 1 {
		err = fmt.Errorf("openvpn runs as %v", pids)
	}
	return err
}

// secondDaemon starts another one, which must give up by itself.
func secondDaemon(ctx context.Context, r *Rig) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	out, code, err := r.Edgeagent(ctx, r.Bin, "run", "--config", r.ConfigFile(), "--runtime-dir", r.RuntimeDir(), "--state-dir", r.StateDir())
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil && code == 0 {
		err = fmt.Errorf("the second daemon ended with code 0: %s", out)
	}
	return err
}

func configRows() []Row {
	var good string
	return []Row{
		{Name: "reloaded in a row", How: "20 SIGHUPs, 50 ms apart",
			Inject: func(ctx context.Context, r *Rig) error {
				for range 20 {
					r.Agent.Signal(syscall.SIGHUP)
					if err := sleep(ctx, 50*time.Millisecond); err != nil {
						return err
					}
				}
				return nil
			}, Passes: true},
		{Name: "configuration damaged", How: "half of the file is cut off, and SIGHUP: the old one stays in force",
			Inject: func(_ context.Context, r *Rig) error {
				data, err := os.ReadFile(r.ConfigFile())
				if err != nil {
					return err
				}
				good = string(data)
				if err := os.WriteFile(r.ConfigFile(), data[:len(data)/2], 0o600); err != nil {
					return err
				}
				r.Agent.Signal(syscall.SIGHUP)
				return nil
			},
			Lift: func(_ context.Context, r *Rig) error {
				err := os.WriteFile(r.ConfigFile(), []byte(good), 0o600)
				r.Agent.Signal(syscall.SIGHUP)
				return err
			}},
	}
}

// stateRows damage what the daemon keeps across boots, and kill it. What is
// damaged must be set aside, which is looked for and removed afterwards.
func stateRows() []Row {
	row := func(name, how, line string) Row {
		return Row{
			Name: name, How: how + " in place of the last known time, and SIGKILL of the daemon", Supervised: true,
			Inject: func(ctx context.Context, r *Rig) error {
				if err := typed("cd "+r.StateDir()+" && "+line)(ctx, r); err != nil {
					return err
				}
				r.Running().Signal(syscall.SIGKILL)
				return nil
			},
			Want: daemonGone,
			After: func(ctx context.Context, r *Rig) error {
				return typed("cd "+r.StateDir()+" && ls -d *.damaged && rm -r *.damaged")(ctx, r)
			},
		}
	}
	return []Row{
		row("state file garbage", "1,000 random bytes", "head -c 1000 /dev/urandom > last-time"),
		row("state file empty", "an empty file", ": > last-time"),
		row("state file a directory", "a directory with a file in it", "rm -f last-time && mkdir last-time && touch last-time/file"),
	}
}

// diskRows put the state directory on a file system of 64 kB.
func diskRows() []Row {
	small := func(ctx context.Context, r *Rig) error {
		return typed("mount -t tmpfs -o size=64k,mode=700 tmpfs "+r.StateDir())(ctx, r)
	}
	fill := func(ctx context.Context, r *Rig) error {
		return typed("cat /dev/zero > "+r.StateDir()+"/filler 2>/dev/null; rm -f "+r.StateDir()+"/last-time; cat /dev/zero >> "+r.StateDir()+"/filler 2>/dev/null || true")(ctx, r)
	}
	free := func(ctx context.Context, r *Rig) error { return typed("rm "+r.StateDir()+"/filler")(ctx, r) }
	return []Row{
		{Name: "disk full", How: "the file system of the state directory is filled, and the VPN's session is ended", Before: small,
			Inject: func(ctx context.Context, r *Rig) error {
				if err := fill(ctx, r); err != nil {
					return err
				}
				return r.ClientKill(lab.KillRestart)
			}, Lift: free, Passes: true},
		{Name: "disk full at a restart", How: "the file system of the state directory is filled, and SIGKILL of the daemon", Before: small, Supervised: true,
			Inject: func(ctx context.Context, r *Rig) error {
				if err := fill(ctx, r); err != nil {
					return err
				}
				r.Running().Signal(syscall.SIGKILL)
				return nil
			}, Want: daemonGone, After: free},
	}
}

// scarcityRows take from the daemon what the system has.
func scarcityRows() []Row {
	return []Row{
		{Name: "out of file descriptors", How: "`prlimit --nofile` to what the daemon has open, and the VPN's session is ended; later 8,192 again", Supervised: true,
			Inject: func(ctx context.Context, r *Rig) error {
				if err := limitFiles(ctx, r, 0); err != nil {
					return err
				}
				return r.ClientKill(lab.KillRestart)
			},
			Lift: func(ctx context.Context, r *Rig) error { return limitFiles(ctx, r, 8192) }, Passes: true},
		{Name: "out of memory", How: "the daemon is put into a memory cgroup of 4 kB: the kernel kills it as it would at MemoryMax=", Supervised: true,
			Inject: starve, Want: daemonGone},
	}
}

// limitFiles sets the daemon's limit of open files, for 0 to what it has open.
func limitFiles(ctx context.Context, r *Rig, n int) error {
	pid := r.Running().PID()
	if n == 0 {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return err
		}
		n = len(open)
	}
	// From outside the device: the process id is the host's.
	return prlimit(pid, uint64(n))
}

// memoryCgroups is where the kernel's memory controller is, by version.
var memoryCgroups = map[string]string{
	"/sys/fs/cgroup/memory/memory.limit_in_bytes": "/sys/fs/cgroup/memory",
	"/sys/fs/cgroup/memory.pressure":              "/sys/fs/cgroup",
}

// starve moves the daemon into a cgroup of its own with hardly any memory. What
// it holds already stays where it was charged.
func starve(ctx context.Context, r *Rig) error {
	for mark, root := range memoryCgroups {
		if _, err := os.Stat(mark); err != nil {
			continue
		}
		dir, err := os.MkdirTemp(root, "edgeagent-faults-*")
		if err != nil {
			return fmt.Errorf("%w: no cgroup can be made: %w", ErrLeftOut, err)
		}
		r.atEnd(func() { _ = os.Remove(dir) }) // it is empty by then, as its process is gone
		const limit = 4 << 10
		for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
			if _, err := os.Stat(dir + "/" + file); err == nil {
				return errors.Join(
					os.WriteFile(dir+"/"+file, []byte(strconv.Itoa(limit)), 0o644),
					os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(r.Running().PID())), 0o644),
					r.ClientKill(lab.KillRestart), // work that takes memory
				)
			}
		}
	}
	return fmt.Errorf("%w: the kernel here has no memory cgroup that can be used", ErrLeftOut)
}

// clockRows cannot be played where all machines share one clock.
func clockRows() []Row {
	const why = "the lab's machines share this computer's clock, which must not be set, and CLOCK_REALTIME has no namespace; " +
		"TestClockJumps of `make test-arm-boot` plays it on a board with a kernel of its own"
	return []Row{
		{Name: "clock a year ahead", How: "the clock jumps while the daemon runs", LeftOut: why},
		{Name: "clock a year behind", How: "the clock jumps while the daemon runs", LeftOut: why},
	}
}
