package leaks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// descriptors counts those of a process by what they are: its files by name, its
// sockets by protocol.
func (c *Census) descriptors(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	entries, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return fmt.Errorf("looking at descriptors: %w", err)
	}
	sockets := socketsOf(dir)
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, "fd", e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		c.add(descriptor, describe(target, sockets))
	}
	return nil
}

// describe names what a link of /proc/pid/fd points to.
func describe(target string, sockets map[string]string) string {
	what, rest, ok := strings.Cut(target, ":[")
	if !ok || strings.HasPrefix(target, "/") {
		return target
	}
	switch inode := strings.TrimSuffix(rest, "]"); what {
	case "socket":
		if name := sockets[inode]; name != "" {
			return name
		}
		return "socket" // not in the process's own network: of a client of another, or unbound
	case "pipe":
		return "pipe"
	}
	return target // anon_inode:[eventpoll]
}

// tables are the files of /proc/pid/net that list sockets, and the column of the
// inode in each. See proc_pid_net(5).
var tables = map[string]int{
	"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "icmp": 9, "icmp6": 9, "raw": 9, "raw6": 9,
	"unix": 6, "netlink": 9, "packet": 8,
}

// socketsOf returns the names of all sockets in a process's network by inode.
func socketsOf(dir string) map[string]string {
	names := map[string]string{}
	for table, column := range tables {
		text, err := os.ReadFile(filepath.Join(dir, "net", table))
		if err != nil {
			continue // a protocol that this kernel does not have
		}
		addSockets(names, table, column, string(text))
	}
	return names
}

// tcpListen is TCP_LISTEN of linux/include/net/tcp_states.h.
const tcpListen = "0A"

// addSockets reads one table. A socket that listens is told from one that is
// connected: each connection of a listener that hangs is one of the latter.
func addSockets(names map[string]string, table string, column int, text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) <= column {
			continue
		}
		name := table + " socket"
		if strings.HasPrefix(table, "tcp") && fields[3] == tcpListen {
			name = table + " listener"
		}
		names[fields[column]] = name
	}
}
