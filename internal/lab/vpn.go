package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// managementTimeout bounds one exchange with the VPN server's management socket.
const managementTimeout = 2 * time.Second

// Words that the VPN server can end a client's session with.
const (
	KillRestart = "RESTART" // the client connects again
	KillHalt    = "HALT"    // the client ends
)

// StartVPN starts the VPN server and waits until clients can connect.
func (l *Lab) StartVPN(ctx context.Context) error {
	p, err := l.start(l.VPC, "openvpn-server", "openvpn", "--config", l.path("vpc", "openvpn-server.conf"))
	if err != nil {
		return err
	}
	l.vpn = p
	return waitReady(ctx, p, readyEvery, func() error {
		m, err := l.dialManagement()
		if err != nil {
			return err
		}
		defer m.conn.Close()
		lines, err := m.ask("state", "END")
		if err == nil && !strings.Contains(strings.Join(lines, "\n"), ",CONNECTED,") {
			err = errors.New("not initialised yet")
		}
		return err
	})
}

// KillVPN ends the VPN server without a farewell to its clients.
func (l *Lab) KillVPN() { l.vpn.Kill() }

// ClientKill ends every client's session with KillRestart or KillHalt.
func (l *Lab) ClientKill(how string) error {
	m, err := l.dialManagement()
	if err != nil {
		return err
	}
	defer m.conn.Close()
	lines, err := m.ask("status 3", "END")
	if err != nil {
		return err
	}
	ids := clientIDs(lines)
	if len(ids) == 0 {
		return errors.New("ending VPN sessions: no client is connected")
	}
	for _, id := range ids {
		if _, err := m.ask("client-kill "+id+" "+how, "SUCCESS:"); err != nil {
			return err
		}
	}
	return nil
}

// GiveAddress has the device get another address at its next connection. It
// must lie in 172.31.0.32/27.
func (l *Lab) GiveAddress(addr netip.Addr) error {
	line := fmt.Sprintf("ifconfig-push %s 255.255.255.224\n", addr)
	if err := os.WriteFile(l.path("vpc", "ccd", Thing), []byte(line), 0o644); err != nil {
		return fmt.Errorf("changing the device's address: %w", err)
	}
	return nil
}

// clientIDs finds the numbers of the connected clients in the server's answer
// to "status 3", whose columns are named by a header line.
func clientIDs(lines []string) []string {
	var ids []string
	column := -1
	for _, line := range lines {
		fields := strings.Split(line, "\t")
		switch {
		case len(fields) > 2 && fields[0] == "HEADER" && fields[1] == "CLIENT_LIST":
			for i, name := range fields[1:] {
				if name == "Client ID" {
					column = i
				}
			}
		case fields[0] == "CLIENT_LIST" && column > 0 && column < len(fields):
			ids = append(ids, fields[column])
		}
	}
	return ids
}

// management is a session with the VPN server's management socket. See
// https://openvpn.net/community-docs/management-interface.html
type management struct {
	conn  net.Conn
	lines *bufio.Scanner
}

// dialManagement begins a session; the server serves one at a time.
func (l *Lab) dialManagement() (*management, error) {
	conn, err := net.DialTimeout("unix", l.path("vpc", "openvpn.sock"), managementTimeout)
	if err != nil {
		return nil, fmt.Errorf("reaching the VPN server's management socket: %w", err)
	}
	return &management{conn: conn, lines: bufio.NewScanner(conn)}, nil
}

// ask sends a command and returns the lines up to one that begins with end.
func (m *management) ask(command, end string) ([]string, error) {
	if err := m.conn.SetDeadline(time.Now().Add(managementTimeout)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(m.conn, command); err != nil {
		return nil, fmt.Errorf("asking the VPN server: %w", err)
	}
	var lines []string
	for m.lines.Scan() {
		line := m.lines.Text()
		switch {
		case strings.HasPrefix(line, end):
			return lines, nil
		case strings.HasPrefix(line, "ERROR:"):
			return nil, fmt.Errorf("asking the VPN server: %s: %s", command, line)
		case !strings.HasPrefix(line, ">"): // not an event
			lines = append(lines, line)
		}
	}
	return nil, fmt.Errorf("asking the VPN server: %s: no answer: %w", command, m.lines.Err())
}
