// Package lab builds the whole world around a gateway from network namespaces,
// for tests and the demo only:
//
//	device --eth0-- uplink router --wan-- vpc
//
// The device has the agent, an sshd and an /etc of its own. The uplink has NAT,
// a public-looking DNS and the trap: it answers the endpoint's name with
// public-looking addresses where a second broker would gladly accept the
// device. The vpc has a real openvpn server that pushes what AWS Client VPN
// pushes, a real unbound with the private zone, a broker behind the endpoint's
// name at two addresses, and a secure tunneling service.
//
// Nothing of the host is touched. Each node has its own process namespace,
// whose init dies with the program that made it: after SIGKILL of that program
// no process, interface or mount is left, only a directory under /tmp that the
// next start removes.
package lab
