package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/localproxy"

	"github.com/spf13/cobra"
)

// Environment variables of the reference program.
const (
	envAccessToken    = "AWSIOT_TUNNEL_ACCESS_TOKEN"
	envClientToken    = "AWSIOT_TUNNEL_CLIENT_TOKEN"
	envOldClientToken = "AWSIOT_CLIENT_TOKEN"
	envRegion         = "AWSIOT_TUNNEL_REGION"
	envEndpoint       = "AWSIOT_TUNNEL_ENDPOINT"
)

// The proxy is a small process beside others on a small machine: it trades a
// little garbage collection for a small heap. Bytes are not allocated on the
// data path, so that this costs nothing there.
const (
	gcPercent   = 50
	memoryLimit = 24 << 20        // bytes
	trimAfter   = 2 * time.Second // without any event
)

// proxyOptions are the options as given; see bind for what they mean.
type proxyOptions struct {
	destinations               []string
	region, endpoint           string
	accessToken, clientToken   string
	caPath                     string
	noVerify                   bool
	verbose                    uint8
	bindAddress                string
	config, configDir          string
	mode, sourcePort, peerType string
	settingsJSON               string
	addresses                  []string
	bindDevice                 string
	maxLifetime                time.Duration
	maxRetries                 int
}

func newLocalproxyCommand() *cobra.Command {
	var o proxyOptions
	cmd := &cobra.Command{
		Use:           "localproxy -d [SERVICE=]HOST:PORT[,...] -r REGION",
		Short:         "Join one secure tunnel to services on this device",
		Long:          localproxyHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runLocalproxy(cmd, &o) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	o.bind(cmd)
	return cmd
}

func (o *proxyOptions) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.destinations, "destination-app", "d", nil, "where connections go: [SERVICE=]host:port, port or socket path, several separated by commas")
	f.StringVarP(&o.region, "region", "r", "", "AWS region of the tunnel")
	f.StringVarP(&o.endpoint, "proxy-endpoint", "e", "", "the service's host[:port] instead of the region's")
	f.StringVarP(&o.accessToken, "access-token", "t", "", "the tunnel's destination token; better in "+envAccessToken)
	f.StringVarP(&o.clientToken, "client-token", "i", "", "ties the access token to this client (default: a random one)")
	f.StringVarP(&o.caPath, "capath", "c", "", "trust this PEM file alone, or this directory besides the system's roots")
	f.BoolVarP(&o.noVerify, "no-ssl-host-verify", "k", false, "accept any certificate: for tests only")
	f.Uint8VarP(&o.verbose, "verbose", "v", 4, "0 off, 1 fatal, 2 error, 3 warning, 4 info, 5 or more debug")
	f.StringVarP(&o.bindAddress, "local-bind-address", "b", "", "address of this device to connect to destinations from")
	f.StringVar(&o.config, "config", "", "INI file with any of these options as option=value")
	f.StringVar(&o.configDir, "config-dir", "", "directory of INI files with SERVICE=host:port")
	f.StringVarP(&o.mode, "mode", "m", "", "destination (or dst) is all there is")
	f.StringVarP(&o.peerType, "destination-client-type", "y", "", "accepted and ignored: each stream's source is adapted to")
	f.StringSliceVar(&o.addresses, "endpoint-address", nil, "connect to these addresses instead of resolving the service's name; no web proxy")
	f.StringVar(&o.bindDevice, "bind-device", "", "send to the service through this network device or not at all; no web proxy")
	f.DurationVar(&o.maxLifetime, "max-lifetime", 0, "end after this time (0: never)")
	f.IntVar(&o.maxRetries, "max-retries", 0, "give up after so many failed attempts in a row (0: never)")
	f.StringVarP(&o.sourcePort, "source-listen-port", "s", "", "")
	f.StringVar(&o.settingsJSON, "settings-json", "", "")
	for _, name := range []string{"source-listen-port", "settings-json"} {
		_ = f.MarkHidden(name) // fails only for a name that is not there
	}
}

func usage(format string, args ...any) error {
	return &localproxy.ExitError{Code: localproxy.ExitUsage, Err: fmt.Errorf(format, args...)}
}

// runLocalproxy gives up rights and secrets before it looks at anything else.
func runLocalproxy(cmd *cobra.Command, o *proxyOptions) error {
	env := takeEnv()
	eventsFD, err := eventsFD()
	if err != nil {
		return err
	}
	hidden := scrubAll(env, o)
	failed := append(hidden, localproxy.Harden(keep(eventsFD), o.bindDevice != "")...)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	if err := o.readConfig(cmd); err != nil {
		return err
	}
	log := slog.New(proxyLogHandler(cmd.ErrOrStderr(), o.verbose, eventsFD >= 0))
	for _, err := range failed {
		log.Debug("not hardened", "reason", err)
	}
	cfg, err := o.proxyConfig(env, log)
	if err != nil {
		return err
	}
	if err := confine(&cfg); err != nil {
		log.Debug("files stay readable", "reason", err)
	}
	return serveTunnel(cmd.Context(), cfg, eventsFD)
}

// confine takes the file system away from a proxy that has read all it needs,
// as one that the daemon starts has: the device's keys belong to the same user.
func confine(cfg *localproxy.Config) error {
	if cfg.NeedsNames() {
		return errors.New("names are to be looked up")
	}
	if cfg.Roots == nil {
		roots, err := x509.SystemCertPool()
		if err != nil {
			return fmt.Errorf("loading the system's certificates: %w", err)
		}
		cfg.Roots = roots
	}
	return localproxy.Confine()
}

// serveTunnel runs the proxy until it ends, ctx does, or the parent that reads
// its events is gone.
func serveTunnel(ctx context.Context, cfg localproxy.Config, eventsFD int) error {
	send := func(localproxy.Event) {}
	if eventsFD >= 0 {
		pipe, err := localproxy.NewEventPipe(eventsFD)
		if err != nil {
			return err
		}
		defer pipe.Close()
		send = pipe.Send
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go cancelWhen(ctx, pipe.Gone(), cancel)
	}
	quiet := time.AfterFunc(trimAfter, func() { trim(cfg.Log) })
	defer quiet.Stop()
	cfg.Events = func(e localproxy.Event) {
		send(e)
		quiet.Reset(trimAfter)
	}
	proxy, err := localproxy.New(cfg)
	if err != nil {
		return err
	}
	return proxy.Run(ctx)
}

func cancelWhen(ctx context.Context, gone <-chan struct{}, cancel func()) {
	select {
	case <-gone:
		cancel()
	case <-ctx.Done():
	}
}

// trim gives back what is not needed while nothing happens, which may be hours.
func trim(log *slog.Logger) {
	if err := localproxy.Trim(); err != nil {
		log.Debug("memory was not given back", "reason", err)
	}
}

// takeEnv reads the reference program's variables and removes them, so that
// nothing started later inherits a token.
func takeEnv() map[string]string {
	taken := map[string]string{}
	for _, name := range []string{envAccessToken, envClientToken, envOldClientToken, envRegion, envEndpoint} {
		if v, ok := os.LookupEnv(name); ok {
			taken[name] = v
			os.Unsetenv(name)
		}
	}
	if taken[envClientToken] == "" {
		taken[envClientToken] = taken[envOldClientToken]
	}
	return taken
}

func scrubAll(env map[string]string, o *proxyOptions) (failed []error) {
	// Arguments are the very bytes that are overwritten: Go does not copy them.
	o.accessToken, o.clientToken = strings.Clone(o.accessToken), strings.Clone(o.clientToken)
	for _, secret := range []string{env[envAccessToken], env[envClientToken], o.accessToken, o.clientToken} {
		if err := localproxy.Scrub(secret); err != nil {
			return append(failed, err)
		}
	}
	return nil
}

// eventsFD returns -1 if the parent wants no events.
func eventsFD() (int, error) {
	text, ok := os.LookupEnv(localproxy.EventsEnv)
	if !ok {
		return -1, nil
	}
	os.Unsetenv(localproxy.EventsEnv)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return -1, usage("%s=%q: want a file descriptor from 3", localproxy.EventsEnv, text)
	}
	return fd, nil
}

func keep(eventsFD int) []int {
	if eventsFD < 0 {
		return nil
	}
	return []int{eventsFD}
}

// readConfig applies --config below what the command line says.
func (o *proxyOptions) readConfig(cmd *cobra.Command) error {
	if o.config == "" {
		return nil
	}
	settings, err := localproxy.ReadINI(o.config)
	if err != nil {
		return usage("%w", err)
	}
	given := map[string]bool{}
	for _, s := range settings {
		flag := cmd.Flags().Lookup(s.Key)
		if flag == nil || s.Key == "config" || s.Key == "help" {
			return usage("%s:%d: unknown option %q", o.config, s.Line, s.Key)
		}
		if flag.Changed && !given[s.Key] {
			continue
		}
		given[s.Key] = true
		if err := cmd.Flags().Set(s.Key, s.Value); err != nil {
			return usage("%s:%d: option %s: a wrong value", o.config, s.Line, s.Key)
		}
	}
	return nil
}

// proxyConfig makes a Config of the options and the environment.
func (o *proxyOptions) proxyConfig(env map[string]string, log *slog.Logger) (localproxy.Config, error) {
	cfg := localproxy.Config{
		Addresses:   o.addresses,
		BindDevice:  o.bindDevice,
		WebProxy:    http.ProxyFromEnvironment,
		AccessToken: first(o.accessToken, env[envAccessToken]),
		ClientToken: first(o.clientToken, env[envClientToken]),
		NoVerify:    o.noVerify,
		UserAgent:   "edgeagent-localproxy",
		MaxLifetime: o.maxLifetime,
		MaxRetries:  o.maxRetries,
		Log:         log,
	}
	if err := o.refuseSourceMode(); err != nil {
		return cfg, err
	}
	var err error
	if cfg.Endpoint, err = o.serviceEndpoint(env); err != nil {
		return cfg, err
	}
	if cfg.Destinations, err = o.parseDestinations(); err != nil {
		return cfg, usage("%w", err)
	}
	if o.bindAddress != "" {
		if cfg.LocalAddress = net.ParseIP(o.bindAddress); cfg.LocalAddress == nil {
			return cfg, usage("--local-bind-address %q: want an IP address", o.bindAddress)
		}
	}
	if o.caPath != "" {
		if cfg.Roots, err = localproxy.LoadRoots(o.caPath); err != nil {
			return cfg, usage("%w", err)
		}
	}
	return cfg, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (o *proxyOptions) refuseSourceMode() error {
	switch {
	case o.sourcePort != "" || o.mode == "src" || o.mode == "source":
		return usage("source mode is not supported: this is the device's side; run the reference localproxy on your own machine")
	case o.mode != "" && o.mode != "dst" && o.mode != "destination":
		return usage("--mode %q: want destination or dst", o.mode)
	case o.settingsJSON != "":
		return usage("--settings-json is not supported: nothing in it needs tuning here")
	}
	return nil
}

func (o *proxyOptions) serviceEndpoint(env map[string]string) (string, error) {
	region, endpoint := o.region, o.endpoint
	if region == "" && endpoint == "" {
		region, endpoint = env[envRegion], env[envEndpoint]
	}
	switch {
	case region != "" && endpoint != "", region == "" && endpoint == "":
		return "", usage("want one of --region and --proxy-endpoint")
	case region != "":
		endpoint, err := localproxy.RegionEndpoint(region)
		if err != nil {
			return "", usage("%w", err)
		}
		return endpoint, nil
	}
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		endpoint = net.JoinHostPort(strings.Trim(endpoint, "[]"), strconv.Itoa(localproxy.DefaultPort))
	}
	return strings.ToLower(endpoint), nil
}

func (o *proxyOptions) parseDestinations() (localproxy.Destinations, error) {
	var d localproxy.Destinations
	if len(o.destinations) > 0 {
		var err error
		if d, err = localproxy.ParseDestinations(strings.Join(o.destinations, ",")); err != nil {
			return d, err
		}
	}
	if o.configDir != "" {
		if err := d.AddDirectory(o.configDir); err != nil {
			return d, err
		}
	}
	if len(d.Services()) == 0 {
		return d, fmt.Errorf("want --destination-app or --config-dir")
	}
	return d, nil
}
