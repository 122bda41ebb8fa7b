package resolver

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// holder names the programs that keep addr from being bound, as far as /proc
// tells: "unbound (pid 812)". Only root sees the sockets of others.
func holder(addr netip.AddrPort) string {
	inodes := map[string]bool{}
	for _, table := range []string{"udp", "udp6", "tcp", "tcp6"} {
		data, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // no IPv6
		}
		for _, inode := range boundTo(string(data), addr) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	programs := programsWith(inodes)
	if len(programs) == 0 {
		return fmt.Sprintf("another program (as root, `ss -tulnp sport = :%d` tells which)", addr.Port())
	}
	return strings.Join(programs, ", ")
}

// boundTo returns the inodes of the sockets in a table of /proc/net that stand
// in the way of addr: bound to it, or to its port on all addresses.
func boundTo(table string, addr netip.AddrPort) []string {
	var out []string
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		local, ok := procAddr(f[1])
		connected := !strings.HasSuffix(f[2], ":0000")
		if !ok || connected || local.Port() != addr.Port() {
			continue
		}
		if a := local.Addr().Unmap(); a == addr.Addr() || a.IsUnspecified() {
			out = append(out, f[9])
		}
	}
	return out
}

// procAddr reads an address as /proc/net/tcp writes it: 32-bit words in the
// order of the host, which is little-endian on all that the agent is built for.
func procAddr(s string) (netip.AddrPort, bool) {
	hexAddr, hexPort, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(hexAddr)
	port, portErr := strconv.ParseUint(hexPort, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(port)), ok
}

// programsWith returns the programs that have one of the sockets open.
func programsWith(sockets map[string]bool) []string {
	var out []string
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		comm, _ := os.ReadFile(filepath.Join(process, "comm"))
		program := fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(comm)), filepath.Base(process))
		if !slices.Contains(out, program) {
			out = append(out, program)
		}
	}
	return out
}
