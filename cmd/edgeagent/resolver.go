package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

func newResolverCommand() *cobra.Command {
	return group(&cobra.Command{Use: "resolver", Short: "Point this system's DNS at the agent, or back"},
		newResolverApplyCommand(), newResolverRestoreCommand(), newResolverRepairCommand())
}

// resolverOptions are those of the root helper.
type resolverOptions struct {
	config, runtimeDir string
}

func (o *resolverOptions) addTo(cmd *cobra.Command) {
	addConfigFlag(cmd, &o.config)
	addRuntimeDirFlag(cmd, &o.runtimeDir, envRuntimeDir)
}

// host is what changes the system. It logs to stderr, which is the journal where
// the unit runs it.
func (o *resolverOptions) host(cmd *cobra.Command, c config.Config) (*resolver.Host, error) {
	dir, err := daemonDir(o.runtimeDir, envRuntimeDir, defaultRuntimeDir)
	if err != nil {
		return nil, err
	}
	return resolver.NewHost(resolver.HostOptions{
		Config: c.Resolver, RuntimeDir: dir, Log: slog.New(newLogHandler(cmd.ErrOrStderr(), c.Log)),
	}), nil
}

// newResolverApplyCommand is the only part of the agent that needs root, so that
// the daemon does not.
func newResolverApplyCommand() *cobra.Command {
	var o resolverOptions
	var wait bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Point this system's DNS at the agent (needs root)",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if wait {
				return o.applyOrWait(cmd, config.Examine(o.config, config.Reader()))
			}
			c, err := config.Read(o.config)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			return o.change(cmd, c, (*resolver.Host).Apply)
		}),
	}
	o.addTo(cmd)
	cmd.Flags().BoolVar(&wait, "wait-for-config", false,
		"for a daemon that is run with this option: as long as it waits, leave this system its own DNS")
	return cmd
}

// applyOrWait is apply for a daemon that waits until its configuration, as it
// can read it, has no faults. Until then its stub does not run, and whatever
// points there leads nowhere.
func (o *resolverOptions) applyOrWait(cmd *cobra.Command, r config.Report) error {
	if r.Err() == nil {
		return o.change(cmd, r.Config, (*resolver.Host).Apply)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "this system keeps its own DNS until there is a configuration: %s\n",
		whatIsWrong(o.config, r.Faults).Detail)
	return o.change(cmd, config.Default(), (*resolver.Host).Restore)
}

// change does something to the system that needs root.
func (o *resolverOptions) change(cmd *cobra.Command, c config.Config, do func(*resolver.Host, context.Context) error) error {
	host, err := o.host(cmd, c)
	if err != nil {
		return err
	}
	return explainRoot(do(host, cmd.Context()), os.Geteuid(), cmd.CommandPath())
}

func newResolverRestoreCommand() *cobra.Command {
	var o resolverOptions
	var unless bool
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Give this system its own DNS back (needs root)",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if unless && restartFollows(cmd.Context(), os.Getenv) {
				return nil
			}
			return o.change(cmd, o.readOrDefault(), (*resolver.Host).Restore)
		}),
	}
	o.addTo(cmd)
	cmd.Flags().BoolVar(&unless, "unless-restarting", false,
		"do nothing if systemd is about to start "+daemonUnit+" again: its queries wait for it")
	return cmd
}

// readOrDefault returns a configuration in any case: what was done is undone
// whatever it says by now. It may be broken, or gone with the package.
func (o *resolverOptions) readOrDefault() config.Config {
	if c, err := config.Read(o.config); err == nil {
		return c
	}
	return config.Default()
}

// newResolverRepairCommand is what edgeagent-resolver.path starts: when
// resolv.conf has changed, and when the daemon rings for it.
func newResolverRepairCommand() *cobra.Command {
	var o resolverOptions
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Point a changed system's DNS at the agent again (needs root)",
		Long: "Point this system's DNS at the agent again after somebody has changed it, at\n" +
			"most ten times an hour.\n\n" +
			"Without a daemon that answers at resolver.listen this system gets its own DNS\n" +
			"back instead.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			c, err := config.Read(o.config)
			if err != nil {
				// The daemon goes on with what it read before, and so does the system.
				fmt.Fprintf(cmd.ErrOrStderr(), "nothing is repaired while the configuration has faults: %v\n", err)
				return nil
			}
			if !listens(cmd.Context(), c.Resolver.Listen.String()) {
				return o.change(cmd, c, (*resolver.Host).Restore)
			}
			return o.change(cmd, c, (*resolver.Host).Repair)
		}),
	}
	o.addTo(cmd)
	return cmd
}

// listenWithin bounds the look at the stub, which is on this device.
const listenWithin = time.Second

// listens reports whether somebody accepts connections at the stub's address.
// While the daemon restarts, systemd holds the socket open.
func listens(ctx context.Context, addr string) bool {
	d := net.Dialer{Timeout: listenWithin}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// explainRoot says what a refusal to the user with id euid means.
func explainRoot(err error, euid int, command string) error {
	if errors.Is(err, fs.ErrPermission) && euid != 0 {
		return fmt.Errorf("%w\nthis needs root: sudo %s", err, command)
	}
	return err
}
