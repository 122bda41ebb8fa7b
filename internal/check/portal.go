package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
)

// NetworkManager's word for a network that redirects to a login page.
// https://networkmanager.dev/docs/api/latest/nm-dbus-types.html#NMConnectivityState
const connectivityPortal = 2

// checkPortal looks for what others have found out: NetworkManager's own test,
// and the DHCP option by which a network names its portal (RFC 8910). It sends
// nothing: a request to the internet is what a closed network must not see.
func checkPortal(ctx context.Context, x *examination) outcome {
	if state, err := connectivity(ctx); err == nil && state == connectivityPortal {
		return fault(say("portal.seen"), say("portal.fix"))
	}
	if url := announcedPortal(x.file("/run/systemd/netif")); url != "" {
		return warning(say("portal.announced", url), say("portal.fix"))
	}
	return ok(say("portal.ok"))
}

func connectivity(ctx context.Context) (uint32, error) {
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("connecting to D-Bus: %w", err)
	}
	defer bus.Close()
	var state dbus.Variant
	nm := bus.Object("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager")
	// Without the flag the bus would start a NetworkManager that is not wanted.
	err = nm.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
		"org.freedesktop.NetworkManager", "Connectivity").Store(&state)
	if err != nil {
		return 0, fmt.Errorf("asking NetworkManager: %w", err)
	}
	n, _ := state.Value().(uint32)
	return n, nil
}

// announcedPortal reads systemd-networkd's state files.
func announcedPortal(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if url, ok := strings.CutPrefix(strings.TrimSpace(line), "CAPTIVE_PORTAL="); ok && url != "" {
				return url
			}
		}
	}
	return ""
}
