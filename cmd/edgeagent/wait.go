package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
)

// addWaitFlag adds --wait-for-config.
func addWaitFlag(cmd *cobra.Command, wait *bool) {
	cmd.Flags().BoolVar(wait, "wait-for-config", false,
		"with a configuration that is missing, not filled in or faulty: wait for a good one instead of ending")
}

// firstConfig returns the configuration to begin with, or nil when ctx ends
// before there is one.
func (d *daemon) firstConfig(ctx context.Context, reload <-chan os.Signal) (*config.Config, error) {
	c, err := config.Load(d.options.ConfigFile)
	if err == nil {
		return &c, nil
	}
	if !d.wait {
		return nil, &exitError{exitUsage, err}
	}
	return d.waitForConfig(ctx, reload)
}

// waitForConfig returns the first configuration without faults, or nil when ctx
// ends before there is one.
func (d *daemon) waitForConfig(ctx context.Context, reload <-chan os.Signal) (*config.Config, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-reload:
			if c, err := config.Load(d.options.ConfigFile); err == nil {
				return &c, nil
			}
		}
	}
}
