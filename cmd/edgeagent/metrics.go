package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/control"
	"edgeagent/internal/metrics"
)

// newMetricsCommand is for collectors that read files or run programs.
func newMetricsCommand() *cobra.Command {
	var o clientOptions
	var file string
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print the figures for Prometheus, or write them to a file",
		Long: "Print what the daemon counts and measures, in Prometheus' text format. With\n" +
			"--output the file is replaced as a whole, as node_exporter's textfile collector\n" +
			"needs it; without a daemon it then says edgeagent_up 0, so that old figures do\n" +
			"not pass for new ones.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			text, err := askMetrics(cmd.Context(), o.client())
			if file == "" || file == "-" {
				if err == nil {
					_, err = cmd.OutOrStdout().Write(text)
				}
				return err
			}
			if failed := writeMetrics(file, text); failed != nil {
				return fmt.Errorf("writing the metrics: %w", failed)
			}
			return err
		}),
	}
	o.addTo(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", `file to write instead, such as /var/lib/prometheus/node-exporter/edgeagent.prom; "-" for standard output`)
	return cmd
}

// askMetrics returns what the daemon says; with the error that there is none,
// what is known without it.
func askMetrics(ctx context.Context, c *control.Client) ([]byte, error) {
	text, err := c.Metrics(ctx)
	var unreachable *control.UnreachableError
	if !errors.As(err, &unreachable) {
		return text, explain(err)
	}
	var b bytes.Buffer
	if err := metrics.Write(&b, withoutDaemon(unreachable, time.Now()), metrics.Process{}, metrics.Text); err != nil {
		return nil, err
	}
	return b.Bytes(), explain(err)
}

// writeMetrics puts text into file. Without text the file stays as it is. A
// device or a pipe is written to: in its place root would leave a plain file, and
// a /dev/null that fills up.
func writeMetrics(file string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().IsRegular() {
		return replaceFile(file, text)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// replaceFile puts text in place of the file's content, such that no reader ever
// finds half of it. A collector that runs as another user may read it.
func replaceFile(file string, text []byte) error {
	const mode = 0o644
	// A collector takes what ends like file.
	draft, err := os.CreateTemp(filepath.Dir(file), ".edgeagent-*.new")
	if err != nil {
		return err
	}
	_, err = io.Copy(draft, bytes.NewReader(text))
	err = errors.Join(err, draft.Chmod(mode), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), file)
	}
	if err != nil {
		_ = os.Remove(draft.Name())
	}
	return err
}
