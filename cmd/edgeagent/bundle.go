package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/bundle"
	"edgeagent/internal/check"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// bundler makes the archive for the office.
type bundler struct {
	client     clientOptions
	configFile string
	out        string // "-" is standard output
}

func newSupportBundleCommand() *cobra.Command {
	var b bundler
	cmd := &cobra.Command{
		Use:   "support-bundle",
		Short: "Write a file for the office: status, check, logs; no secrets",
		Long: "Write a .tar.gz of at most 5 MB: status, a fresh check, the configuration, the\n" +
			"last logs, addresses, routes and DNS. Keys, tokens and passwords are taken out.\n" +
			"Nothing is sent. Root gets more of it; it works without the daemon as well.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			return b.write(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
	b.client.addTo(cmd)
	addConfigFlag(cmd, &b.configFile)
	cmd.Flags().StringVarP(&b.out, "output", "o", "", `file to write, "-" for standard output (default edgeagent-DEVICE-TIME.tar.gz)`)
	return cmd
}

// write makes the archive in a file that only its owner may read, and says what
// became of it.
func (b *bundler) write(ctx context.Context, stdout, say io.Writer) error {
	o := bundle.Options{Device: deviceName(), Version: programVersion(), Now: time.Now(), Secrets: b.secrets()}
	o.Parts = append(b.parts(), bundle.System("")...)
	if b.out == "-" {
		_, err := bundle.Write(ctx, stdout, o)
		return err
	}
	name := b.out
	if name == "" {
		name = fmt.Sprintf("edgeagent-%s-%s.tar.gz", o.Device, o.Now.UTC().Format("20060102T150405Z"))
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return misuseOf("%s is there already; name another file with -o", name)
	}
	if err != nil {
		return fmt.Errorf("making the bundle: %w; name a place that can be written to with -o", err)
	}
	s, err := bundle.Write(ctx, f, o)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return b.unwritten(err)
	}
	fmt.Fprintf(say, "%s: %d KB, %d files; look into it before you send it: tar tzf %s\n", name, (s.Bytes+1023)/1024, len(s.Files), name)
	if os.Geteuid() != 0 {
		fmt.Fprintln(say, "some of it only root can read: use sudo for the whole")
	}
	return nil
}

// unwritten says where else the archive can go: a full card is one of the faults
// that it is asked for.
func (b *bundler) unwritten(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return fmt.Errorf("%w; write it into memory (-o /run/bundle.tar.gz), or straight to another machine: ssh DEVICE sudo edgeagent support-bundle -o - > bundle.tar.gz", err)
}

// misuseOf is an error in what was asked for.
func misuseOf(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// parts are what the agent itself has to say.
func (b *bundler) parts() []bundle.Part {
	snapshot := func(ctx context.Context) (status.Snapshot, error) { return askStatus(ctx, b.client.client()) }
	return []bundle.Part{
		{Name: "status.txt", What: "edgeagent status", Get: func(ctx context.Context) ([]byte, error) {
			s, err := snapshot(ctx)
			return []byte(status.Text(s, status.TextOptions{})), err
		}},
		{Name: "status.json", What: "edgeagent status --json", Get: func(ctx context.Context) ([]byte, error) {
			s, err := snapshot(ctx)
			if err != nil {
				return nil, err
			}
			return json.MarshalIndent(s.ForScripts(), "", "  ")
		}},
		{Name: "history.json", What: "the last hour, a value a minute", Get: func(ctx context.Context) ([]byte, error) {
			h, err := b.client.client().History(ctx)
			if err != nil {
				return nil, err
			}
			return json.Marshal(h)
		}},
		{Name: "check.txt", What: "edgeagent check", Get: func(ctx context.Context) ([]byte, error) {
			r, err := b.check(ctx)
			return []byte(r.Text()), err
		}},
		{Name: "config.yaml", What: "the configuration file as it is", Get: func(context.Context) ([]byte, error) { return bundle.ReadFile(b.configFile) }},
		{Name: "config-effective.yaml", What: "edgeagent config show", Get: func(context.Context) ([]byte, error) {
			c, err := config.Read(b.configFile)
			if err != nil {
				return nil, err
			}
			return c.YAML()
		}},
		{Name: "openvpn.txt", What: "the .ovpn files", Get: b.profiles},
		{Name: "state.txt", What: "the agent's directories", Get: func(context.Context) ([]byte, error) {
			return listing(filepath.Dir(b.configFile), filepath.Dir(clientSocket(b.client.runtimeDir)), defaultStateDir)
		}},
	}
}

func (b *bundler) check(ctx context.Context) (check.Report, error) {
	return check.Run(ctx, check.Options{
		ConfigFile: b.configFile, RuntimeDir: filepath.Dir(clientSocket(b.client.runtimeDir)), StateDir: defaultStateDir,
		Version: programVersion(), Build: buildTime(), Daemon: b.client.client().Status,
	})
}

// profiles are the OpenVPN files of all links.
func (b *bundler) profiles(context.Context) ([]byte, error) {
	c, err := config.Read(b.configFile)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, l := range c.Links {
		if l.Config == "" {
			continue
		}
		text, err := bundle.ReadFile(l.Config)
		if err != nil {
			text = []byte(err.Error() + "\n")
		}
		fmt.Fprintf(&out, "# link %s: %s\n%s\n", l.Name, l.Config, text)
	}
	return out.Bytes(), nil
}

// secrets are the values that must not leave this device, as far as they are
// in files: private keys, and what .ovpn files name.
func (b *bundler) secrets() []string {
	c, err := config.Read(b.configFile)
	if err != nil {
		return nil
	}
	names := []string{c.MQTT.Key}
	for _, l := range c.Links {
		names = append(names, l.Key)
		names = append(names, secretFiles(l.Config)...)
	}
	var values []string
	for _, name := range names {
		if text, err := bundle.ReadFile(name); name != "" && err == nil {
			values = append(values, string(text))
		}
	}
	return values
}

// secretFiles are those that an OpenVPN file names.
func secretFiles(profile string) []string {
	text, err := bundle.ReadFile(profile)
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch strings.TrimPrefix(f[0], "--") {
		case "key", "pkcs12", "auth-user-pass", "askpass", "tls-auth", "tls-crypt", "tls-crypt-v2", "secret":
			name := strings.Trim(f[1], `"'`)
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(profile), name)
			}
			names = append(names, name)
		}
	}
	return names
}

// listing shows names, owners by number, modes and times, never contents.
func listing(dirs ...string) ([]byte, error) {
	var out bytes.Buffer
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
			if err != nil {
				fmt.Fprintf(&out, "%s: %v\n", name, err)
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return nil // it has gone meanwhile
			}
			target, _ := os.Readlink(name)
			fmt.Fprintf(&out, "%s %s %8d %s %s %s\n", info.Mode(), ownerOf(info), info.Size(), info.ModTime().UTC().Format(time.RFC3339), name, target)
			return nil
		}))
	}
	return out.Bytes(), errors.Join(errs...)
}
