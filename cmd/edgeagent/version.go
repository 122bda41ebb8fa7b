package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// The linker sets these: -ldflags "-X main.version=0.1.0
// -X main.built=2026-11-21T08:30:00Z". Without them the commit speaks, where the
// build knows it.
var version, built string

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  arguments(0, 0, ""),
		RunE:  action(printVersion),
	}
}

func printVersion(cmd *cobra.Command, _ []string) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "edgeagent %s (%s %s/%s%s)\n",
		programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, builtOn(buildTime()))
	return err
}

// addVersionFlag gives root the --version that people try first.
func addVersionFlag(root *cobra.Command) {
	var asked bool
	root.Flags().BoolVar(&asked, "version", false, "print the version of this program")
	otherwise := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if asked && len(args) == 0 {
			return action(printVersion)(cmd, args)
		}
		return otherwise(cmd, args)
	}
}

// builtOn tells which source it was where the version does not.
func builtOn(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", source of " + t.UTC().Format(time.DateOnly)
}

// programVersion is the release, or the commit of a build without one.
func programVersion() string {
	if version != "" {
		return version
	}
	revision, modified := setting("vcs.revision"), setting("vcs.modified")
	if len(revision) < shortRevision {
		return "devel"
	}
	if modified == "true" {
		return revision[:shortRevision] + "+changes"
	}
	return revision[:shortRevision]
}

// shortRevision is how many digits of a commit people use.
const shortRevision = 12

// buildTime is when the source of this program was committed: no clock before
// it can be right. It is zero if the build does not say.
func buildTime() time.Time {
	for _, text := range []string{built, setting("vcs.time")} {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// setting is one of those that the go command builds in.
func setting(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
