// Package tunneling is a double of the AWS IoT Secure Tunneling service, and a
// source-side proxy to go with it, for tests, benchmarks and the lab.
//
// The Service is a TLS WebSocket server that pairs a source with a destination
// by their tokens and carries messages between them, in versions 1, 2 and 3 of
// the protocol. It is written from the public protocol guides and deliberately
// shares no code with the destination proxy it is there to try.
//
// What it fakes, because the real service does not say or could not be asked:
// the status of every refused token (403), the status of a close frame (1000
// for a closed or rotated tunnel, 1008 for a client that breaks the rules),
// that rotating kicks the connected side only if asked to, that the loss of
// one side is told to the other by SESSION_RESET, and that a stream started
// without a destination is reset at once. It has no lifetime limit, no quota
// and no memory of closed tunnels.
//
// For faults it can refuse handshakes with any status, freeze a connection so
// that it is half open, cut it, join and split what it carries at any byte,
// and hand a test the wire to a destination to send what it likes.
package tunneling
