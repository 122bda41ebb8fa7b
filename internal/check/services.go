package check

import (
	"bufio"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// bannerWait is for a service that speaks first, as sshd does.
	bannerWait = time.Second
	// connectWait is for a TCP connection: the third SYN is sent after 3 s.
	connectWait = 2 * time.Second
)

// checkServices connects to what tunnels may lead to, to all at once.
func checkServices(ctx context.Context, x *examination) outcome {
	if !x.config.Tunnel.Enabled {
		return skipped(say("tunnel.disabled"))
	}
	names := slices.Sorted(maps.Keys(x.config.Tunnel.Services))
	faults := make([]words, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() { faults[i] = serviceFault(ctx, name, x.config.Tunnel.Services[name]) })
	}
	running.Wait()
	there, missing := list{between: ", "}, list{between: "; "}
	for i, name := range names {
		if faults[i] != nil {
			missing.parts = append(missing.parts, faults[i])
			continue
		}
		there.parts = append(there.parts, say("services.at", name, x.config.Tunnel.Services[name]))
	}
	switch {
	case len(names) == 0:
		return warning(say("services.none"), say("services.none.fix"))
	case len(missing.parts) > 0:
		return fault(missing, say("services.fix"))
	}
	return ok(there)
}

// serviceFault is nil for a service that answers, and speaks SSH if it should.
func serviceFault(ctx context.Context, name, to string) words {
	d := net.Dialer{Timeout: connectWait, KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return say("services.missing", name, to, networkError(err))
	}
	defer conn.Close()
	if !strings.EqualFold(name, "SSH") && !strings.HasSuffix(to, ":22") {
		return nil
	}
	if said := banner(conn); !strings.HasPrefix(said, "SSH-") {
		return say("services.other", name, to, said)
	}
	return nil
}

// banner is the first line, "" if the service waits for its client.
func banner(conn net.Conn) string {
	_ = conn.SetReadDeadline(time.Now().Add(bannerWait))
	line, _ := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
	return strings.TrimSpace(string(line))
}
