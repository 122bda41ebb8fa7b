package check

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// bannerWait is for a service that speaks first, as sshd does.
const bannerWait = time.Second

// checkServices connects to what tunnels may lead to.
func checkServices(ctx context.Context, x *examination) outcome {
	if !x.config.Tunnel.Enabled {
		return skipped("tunnels are disabled")
	}
	var there, missing []string
	for _, name := range slices.Sorted(maps.Keys(x.config.Tunnel.Services)) {
		to := x.config.Tunnel.Services[name]
		d := net.Dialer{Timeout: checkLimit / 3, KeepAlive: -1}
		conn, err := d.DialContext(ctx, "tcp", to)
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s at %s: %s", name, to, networkError(err)))
			continue
		}
		said := banner(conn)
		_ = conn.Close()
		if strings.HasSuffix(to, ":22") && !strings.HasPrefix(said, "SSH-") {
			missing = append(missing, fmt.Sprintf("%s at %s: connects, but does not speak SSH (%q)", name, to, said))
			continue
		}
		there = append(there, fmt.Sprintf("%s at %s", name, to))
	}
	if len(missing) > 0 {
		return fault(strings.Join(missing, "; "), "start the service (`sudo systemctl enable --now ssh`), or correct `tunnel.services`.")
	}
	return ok(strings.Join(there, ", "))
}

// banner is the first line, "" if the service waits for its client.
func banner(conn net.Conn) string {
	_ = conn.SetReadDeadline(time.Now().Add(bannerWait))
	line, _ := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
	return strings.TrimSpace(string(line))
}
