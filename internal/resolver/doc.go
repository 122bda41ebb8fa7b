// Package resolver is the DNS of the device: the split-DNS stub that every
// program asks, the stage "dns" that watches it, the way the operating system
// is pointed at it, and the proof that the endpoint is private.
//
// # The stub
//
// [Stub] listens on a loopback address and sends each name one way only:
//
//	names that bring the link up (exempt)      the uplink, always
//	resolver.domains and what lies under them  the VPC resolver through the link, or nobody
//	reverse names of private addresses         the VPC resolver through the link, or nobody
//	localhost, invalid, onion and the like     answered here
//	everything else                            the uplink
//
// A private name that cannot be asked of the VPC gets NODATA with an Extended
// DNS Error (RFC 8914) that names the cause. SERVFAIL would be more honest, but
// it makes glibc ask the next server in resolv.conf, and that one is public.
// The price is that Go's resolver and getaddrinfo(3) report "no address", not
// "try again". Only the VPC itself can say NXDOMAIN.
//
// A name is private in every disguise that would carry it out: other case,
// escaped dots, any type or class, a search list's suffix behind it
// (x.amazonaws.com.lan, and so x.amazonaws.com.cn too: ask the VPC), or the
// target of an uplink's CNAME, which is then asked of the VPC instead.
//
// # The host
//
// [Host] points the operating system at the stub, in one of three ways. In mode
// "resolved" systemd-resolved is given a link that names the stub for the private
// domains; in mode "resolvconf" openresolv gets an exclusive record. Neither
// survives a reboot. In mode "file"
// /etc/resolv.conf becomes a symbolic link to resolv.conf in the runtime
// directory. What was there becomes /etc/resolv.conf.edgeagent-saved: not a
// copy but the thing itself. renameat2(2) exchanges it with the link in one step
// and back again in another, so that type, bytes, owner, mode and times return,
// and a change that somebody makes in that moment is not lost. (NFS cannot do
// that; there a hard link keeps the original.) A crash between any two system
// calls is healed by the next Apply or Restore.
//
// The runtime directory does not survive a reboot, and after a power cut
// /etc/resolv.conf points to nothing until somebody runs Apply or Restore: no
// program resolves a name, and none leaks one. So the unit that runs
// `edgeagent resolver apply` belongs before network-online.target and runs
// `resolver restore` in ExecStopPost=, which systemd runs after a crash as well,
// and before it removes RuntimeDirectory=. A tmpfiles.d line heals a boot
// without the daemon too, for the link then leads to what was saved:
//
//	L /run/edgeagent/resolv.conf - - - - /etc/resolv.conf.edgeagent-saved
package resolver
