package tunnel

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/config"

	"golang.org/x/sys/unix"
)

// Names in a proxy's environment. All but the last two are the reference program's.
const (
	envAccessToken    = "AWSIOT_TUNNEL_ACCESS_TOKEN"
	envClientToken    = "AWSIOT_TUNNEL_CLIENT_TOKEN"
	envOldClientToken = "AWSIOT_CLIENT_TOKEN" // what some of its versions read
	envEventsFD       = "EDGEAGENT_EVENTS_FD"
	envOwner          = "EDGEAGENT_TUNNEL_OF" // of an external program: whose it is, see endLeftovers
)

// defaultPath is for a daemon started without one.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// referenceLogInfo is the verbosity at which the reference program tells that
// it connected (3, its warnings, would leave that out).
const referenceLogInfo = "4"

// command is a proxy process to start.
type command struct {
	path    string
	args    []string // args[0] is the name that ps shows
	env     []string
	secrets []string // never to appear in a log
	builtin bool
	heir    *proxyHeir // runs already; of the rest only secrets and builtin count
}

// credentials are what a proxy shows the service. The client token is made once
// for each access token and given again at every restart: without it the first
// handshake spends the access token.
type credentials struct{ access, client string }

// newCommand returns the command for n's services at p, to live at most left.
// The tokens are in the environment alone: arguments are for everyone to read
// in /proc.
func newCommand(o Options, n notification, c credentials, p place, left time.Duration) command {
	cmd := command{
		env:     append([]string{envAccessToken + "=" + c.access, envClientToken + "=" + c.client}, environment(p)...),
		secrets: []string{c.access, c.client},
		builtin: o.Tunnel.Proxy == config.ProxyBuiltin,
	}
	if cmd.builtin {
		cmd.path, cmd.args = o.Executable, builtinArgs(o, n, p, left)
		cmd.env = append(cmd.env, envEventsFD+"="+strconv.Itoa(eventsFD))
		return cmd
	}
	cmd.path, cmd.args = o.Tunnel.Proxy, externalArgs(o, n)
	cmd.env = append(cmd.env, envOldClientToken+"="+c.client, envOwner+"="+o.Owner)
	if ca := o.Tunnel.CA; ca != "" && !isDir(ca) {
		// -c takes a directory only; OpenSSL reads a file from here.
		cmd.env = append(cmd.env, "SSL_CERT_FILE="+ca)
	}
	return cmd
}

// builtinArgs gives the addresses that were proved and the device to bind to,
// so that the child looks nothing up.
func builtinArgs(o Options, n notification, p place, left time.Duration) []string {
	args := []string{"edgeagent", "localproxy", "-e", o.Tunnel.Endpoint, "-d", destinations(o, n)}
	if o.Tunnel.CA != "" {
		args = append(args, "-c", o.Tunnel.CA)
	}
	var addrs []string
	for _, a := range p.addrs {
		addrs = append(addrs, a.String())
	}
	args = append(args, "--endpoint-address", strings.Join(addrs, ","))
	if p.device != "" {
		args = append(args, "--bind-device", p.device)
	}
	return append(args, "--max-lifetime", max(left.Round(time.Second), time.Second).String())
}

// externalArgs are options of the reference program. It takes either a region
// or an endpoint, never both.
func externalArgs(o Options, n notification) []string {
	args := []string{o.Tunnel.Proxy}
	host, port, _ := net.SplitHostPort(o.Tunnel.Endpoint)
	if port == "443" && host == regionEndpoint(o.Region) {
		args = append(args, "-r", o.Region)
	} else {
		args = append(args, "-e", o.Tunnel.Endpoint)
	}
	args = append(args, "-d", destinations(o, n), "-v", referenceLogInfo)
	if ca := o.Tunnel.CA; ca != "" && isDir(ca) {
		args = append(args, "-c", ca)
	}
	return args
}

// regionEndpoint is the host that the reference program makes of a region.
func regionEndpoint(region string) string {
	host := "data.tunneling.iot." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return host
}

// destinations is the value of -d: only what this tunnel was opened for.
func destinations(o Options, n notification) string {
	if n.nameless {
		return o.Tunnel.Services[n.services[0]]
	}
	var list []string
	for _, name := range n.services {
		list = append(list, name+"="+o.Tunnel.Services[name])
	}
	return strings.Join(list, ",")
}

// environment is all that a proxy inherits. A web proxy is passed on only when
// the data may use the internet: through the link it would be a way round it.
func environment(p place) []string {
	env := []string{"PATH=" + defaultPath}
	if path := os.Getenv("PATH"); path != "" {
		env[0] = "PATH=" + path
	}
	if p.device != "" {
		return env
	}
	for _, name := range []string{"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// missingProgram returns an error if the program in tunnel.proxy cannot be run.
// It is asked while nothing is open too: better told today than when somebody
// needs the tunnel.
func missingProgram(t config.Tunnel) error {
	if t.Proxy == config.ProxyBuiltin {
		return nil
	}
	info, err := os.Stat(t.Proxy)
	switch {
	case err != nil:
		return fmt.Errorf("looking for the program in tunnel.proxy: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s in tunnel.proxy is not a program", t.Proxy)
	case unix.Access(t.Proxy, unix.X_OK) != nil:
		return fmt.Errorf("%s in tunnel.proxy is not executable", t.Proxy)
	}
	return nil
}

// isDir is false for what cannot be looked at; the proxy will say why.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
