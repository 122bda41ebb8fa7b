package main

import (
	"io"
	"log/slog"
	"os"
)

const localproxyHelp = `The device's side of AWS IoT Secure Tunneling: connects to the service with a
tunnel's destination token and joins what comes to TCP or unix sockets here.
Takes the destination options of the reference localproxy. Speaks the protocol's
versions 3, 2 and 1 and adapts to each stream's source.

Destinations: "localhost:22", "22" and "/run/app.sock" serve a tunnel with one
service or none; "SSH=localhost:22,VNC=localhost:5900" names services.

Environment: ` + envAccessToken + ` (removed at once),
` + envClientToken + `, ` + envRegion + ` and
` + envEndpoint + `; https_proxy, HTTPS_PROXY and NO_PROXY. Options win
over --config, which wins over the environment.

Exit status:
   0  asked to stop (SIGTERM), or the service closed the tunnel in order
   1  a fault of this program or of the device
   2  wrong options or configuration
  10  access denied: the service answered 401 or 403 to the token
  11  the tunnel or its token is gone, or another 4xx
  12  the service's name does not resolve
  13  the service's certificate does not verify
  14  the service broke the protocol
  15  gave up after --max-retries
  16  --max-lifetime is over
  17  the web proxy refused
Network errors and 5xx are retried after 1 to 120 s. Once connected, only the
service's own word (11, 14) ends it: names and certificates are retried too.`

// proxyLogHandler writes log lines for level v of the reference program.
// Under a parent, or journald, that stamps lines itself they carry no time.
func proxyLogHandler(w io.Writer, v uint8, child bool) slog.Handler {
	if v == 0 {
		return slog.DiscardHandler
	}
	levels := []slog.Level{slog.LevelError + 4, slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}
	options := &slog.HandlerOptions{Level: levels[min(int(v), len(levels))-1]}
	if _, journald := os.LookupEnv("JOURNAL_STREAM"); journald || child {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.NewTextHandler(w, options)
}
