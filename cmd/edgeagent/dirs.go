package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
)

// Directories of the packaged service.
const (
	defaultRuntimeDir = "/run/edgeagent"
	defaultStateDir   = "/var/lib/edgeagent"
)

// Environment variables that name directories. The first is for people and
// scripts, the others are systemd's (systemd.exec(5)).
const (
	envClientRuntimeDir = "EDGEAGENT_RUNTIME_DIR"
	envRuntimeDir       = "RUNTIME_DIRECTORY"
	envStateDir         = "STATE_DIRECTORY"
)

// daemonDir is a directory of the daemon: the flag's, systemd's, or the default.
// systemd separates several by colons; the first is ours. It is absolute, because
// the programs that the daemon starts have a working directory of their own.
func daemonDir(flag, env, otherwise string) (string, error) {
	first, _, _ := strings.Cut(os.Getenv(env), ":")
	dir, err := filepath.Abs(cmp.Or(flag, first, otherwise))
	if err != nil {
		return "", fmt.Errorf("finding the daemon's directory: %w", err)
	}
	return dir, nil
}

// clientSocket is where a client finds the daemon.
func clientSocket(flag string) string {
	return filepath.Join(cmp.Or(flag, os.Getenv(envClientRuntimeDir), defaultRuntimeDir), agent.SocketName)
}

// addConfigFlag adds --config.
func addConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", config.DefaultFile, "configuration file")
}

// addRuntimeDirFlag adds --runtime-dir, and names the variable that stands in for it.
func addRuntimeDirFlag(cmd *cobra.Command, dir *string, env string) {
	cmd.Flags().StringVar(dir, "runtime-dir", "", "directory of the daemon's socket (default $"+env+", then "+defaultRuntimeDir+")")
}
