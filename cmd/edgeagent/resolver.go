package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

func newResolverCommand() *cobra.Command {
	return group(&cobra.Command{Use: "resolver", Short: "Point this system's DNS at the agent, or back"},
		newResolverApplyCommand(), newResolverRestoreCommand())
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
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Point this system's DNS at the agent (needs root)",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			c, err := config.Read(o.config)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			host, err := o.host(cmd, c)
			if err != nil {
				return err
			}
			return explainRoot(host.Apply(cmd.Context()), os.Geteuid(), cmd.CommandPath())
		}),
	}
	o.addTo(cmd)
	return cmd
}

func newResolverRestoreCommand() *cobra.Command {
	var o resolverOptions
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Give this system its own DNS back (needs root)",
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			// What was done is undone whatever the configuration says by now: it
			// may be broken, or gone with the package.
			c, err := config.Read(o.config)
			if err != nil {
				c = config.Default()
			}
			host, err := o.host(cmd, c)
			if err != nil {
				return err
			}
			return explainRoot(host.Restore(cmd.Context()), os.Geteuid(), cmd.CommandPath())
		}),
	}
	o.addTo(cmd)
	return cmd
}

// explainRoot says what a refusal to the user with id euid means.
func explainRoot(err error, euid int, command string) error {
	if errors.Is(err, fs.ErrPermission) && euid != 0 {
		return fmt.Errorf("%w\nthis needs root: sudo %s", err, command)
	}
	return err
}
