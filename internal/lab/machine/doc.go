// Package machine boots throw-away Debian systems, with systemd as process 1,
// on the device's place of a lab: on its network, where nothing else runs.
//
// A machine is systemd-nspawn on an overlay of a root file system that package
// rootfs has built. It lives inside the namespaces of the lab's device: its
// mounts are seen by nobody else, and the kernel ends all of it with the
// program that made the lab. What is written to it survives reboots and power
// cuts of the machine and goes with Close.
package machine
