// Package localproxy is the destination side of AWS IoT Secure Tunneling: it
// connects to the service with an access token and joins what comes through
// the tunnel to TCP or unix sockets on the device. It speaks the protocol's
// versions 1, 2 and 3 and adapts to each stream's source.
//
// It knows nothing of the agent and imports nothing of the project.
package localproxy
