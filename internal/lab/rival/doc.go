// Package rival builds the stack that a gateway has without the agent from
// Debian's own packages, as public articles on AWS IoT Core behind a VPC endpoint
// describe it, and measures both against the same faults in the same run.
//
// The stack is OpenVPN as openvpn-client@.service with a resolv.conf script, a
// client on Debian's paho-mqtt, and a localproxy that it launches. It is set up
// as a careful integrator would: where the articles leave a choice, it has the one
// that comes back sooner. Nothing here is part of the product.
package rival
