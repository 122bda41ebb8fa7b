package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/modem"
)

const recoverHelp = `One step of a link's recovery that needs root. The daemon, which is not root,
starts edgeagent-recover@RUNG:LINK.service for it. RUNG is one of

    unit           restart the link's unit
    modem-manager  restart ModemManager
    usb            unplug the link's modem and plug it in again, by software
    reboot         reboot this device, if recovery.reboot and its budget allow

What is done, and to what, comes from the configuration alone, which only root
may be able to change. Exit status: 0 done, 1 it failed, 2 not allowed or wrong
usage.`

// recoverOptions are those of the root helper for links.
type recoverOptions struct {
	config, stateDir, runDir string
}

func newRecoverCommand() *cobra.Command {
	var o recoverOptions
	cmd := &cobra.Command{
		Use:   "recover RUNG:LINK",
		Short: "Take one step of a link's recovery (needs root)",
		Long:  recoverHelp,
		Args:  arguments(1, 1, "RUNG:LINK"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			rung, link, ok := strings.Cut(args[0], ":")
			if !ok || !slices.Contains(modem.RootRungs(), rung) {
				return misuse(cmd, "%q is not RUNG:LINK with one of the rungs %s", args[0], strings.Join(modem.RootRungs(), ", "))
			}
			return explainRoot(o.recover(cmd, rung, link), os.Geteuid(), cmd.CommandPath()+" "+args[0])
		}),
	}
	addConfigFlag(cmd, &o.config)
	cmd.Flags().StringVar(&o.stateDir, "state-dir", "", "directory of the reboot budget (default $"+envStateDir+", then "+defaultStateDir+")")
	cmd.Flags().StringVar(&o.runDir, "run-dir", "", "directory of root's own for what must be finished after a kill")
	return cmd
}

// recover takes the step and logs how it went.
func (o recoverOptions) recover(cmd *cobra.Command, rung, link string) error {
	if err := rootOnly(o.config); err != nil {
		return &exitError{exitUsage, err}
	}
	c, err := config.Read(o.config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	l, err := dialledLink(c, link)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	dir, err := daemonDir(o.stateDir, envStateDir, defaultStateDir)
	if err != nil {
		return err
	}
	log := slog.New(newLogHandler(cmd.ErrOrStderr(), c.Log))
	return takeStep(cmd.Context(), rung, modem.Options{
		Link: l, Recovery: c.Recovery, StateDir: dir, RunDir: o.runDir, Direct: true, Log: log,
	})
}

func takeStep(ctx context.Context, rung string, o modem.Options) error {
	r := modem.New(o)
	defer r.Close()
	o.Log.Info("a step of recovery begins", "step", rung, "link", o.Link.Name)
	err := r.Recover(ctx, rung)
	switch {
	case errors.Is(err, modem.ErrNotAllowed):
		return &exitError{exitUsage, fmt.Errorf("link %s: %w", o.Link.Name, err)}
	case err != nil:
		return fmt.Errorf("link %s: %w", o.Link.Name, err)
	}
	o.Log.Info("a step of recovery is done", "step", rung, "link", o.Link.Name)
	return nil
}

// dialledLink returns the link called name, if something else dials it.
func dialledLink(c config.Config, name string) (config.Link, error) {
	var others []string
	for _, l := range c.Links {
		if l.Type != config.LinkInterface {
			continue
		}
		if l.Name == name {
			return l, nil
		}
		others = append(others, l.Name)
	}
	if len(others) == 0 {
		return config.Link{}, fmt.Errorf("no link %q of type %s; there is none of that type", name, config.LinkInterface)
	}
	return config.Link{}, fmt.Errorf("no link %q of type %s; there are: %s", name, config.LinkInterface, strings.Join(others, ", "))
}
