#!/bin/bash
# Installs the Debian packages that the lab and the tests need and that are
# missing, and says which. Usage: scripts/setup.sh lab|test|page|bench|deb|lintian|os|arm
#
# Services must not start for it: unbound, mosquitto and sshd on this machine's
# own addresses are not what anybody asked for.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin

# program:package; what is no program has its whole path
lab="openvpn:openvpn unbound:unbound unbound-control:unbound mosquitto:mosquitto
mosquitto_pub:mosquitto-clients dnsmasq:dnsmasq-base nft:nftables ip:iproute2 mount:mount
sshd:openssh-server ssh:openssh-client ssh-keygen:openssh-client"
# The race detector needs a C compiler; some tests look at the lab from outside,
# some speak to mocks of NetworkManager and ModemManager on a bus of their own, one
# to the stack that the agent is measured beside.
test="$lab gcc:gcc gcc:libc6-dev dig:bind9-dnsutils dbus-daemon:dbus-daemon
/usr/lib/python3/dist-packages/dbusmock:python3-dbusmock /usr/lib/python3/dist-packages/paho:python3-paho-mqtt"
# The status page is looked at by a browser if there is one; make test does not
# fetch 110 MB for it, and up to 230 MB with what a bare system lacks.
page="/usr/bin/chromium:chromium"
deb="dh:debhelper"
# What is measured: the packages too, the ARM programs one by one, and the stack
# that a user would build by hand.
bench="$lab $deb qemu-arm-static:qemu-user-static qemu-aarch64-static:qemu-user-static
/usr/lib/python3/dist-packages/paho/mqtt/client.py:python3-paho-mqtt"
lintian="$deb lintian:lintian"
# Booted systems: their root file systems, their disks, and what starts them.
os="$lab $deb mmdebstrap:mmdebstrap systemd-nspawn:systemd-container nsenter:util-linux mkfs.ext4:e2fsprogs"
# ARM systems: their programs one by one, and whole boards.
arm="$lab $deb mmdebstrap:mmdebstrap qemu-arm-static:qemu-user-static qemu-aarch64-static:qemu-user-static
arch-test:arch-test qemu-system-aarch64:qemu-system-arm modprobe:kmod cpio:cpio mkfs.ext4:e2fsprogs"

fail() {
	echo "setup: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing_packages() {
	local pair
	for pair in $1; do
		[ -e "${pair%%:*}" ] || command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
	done | sort -u | tr '\n' ' '
}

install_packages() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=900 \
		install -y --no-install-recommends "$@"
}

# Without this file Debian starts every service it installs. One that is there
# already is its owner's decision and stays.
policy=/usr/sbin/policy-rc.d
forbid_services() {
	[ -e $policy ] && return
	trap 'as_root rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
	as_root chmod 755 $policy
}

# What was not started now must not start at the next boot either.
disable_services() {
	[ -d /run/systemd/system ] || return 0
	local package unit
	for package in "$@"; do
		case $package in
		openvpn | mosquitto) unit=$package ;;
		unbound) unit="unbound unbound-resolvconf" ;;
		openssh-server) unit="ssh" ;;
		*) continue ;;
		esac
		echo "setup: the $package service stays off (systemctl enable --now $unit turns it on)"
		# shellcheck disable=SC2086 # two units
		as_root systemctl disable --quiet $unit || true
	done
}

case ${1-} in
lab) wanted=$lab ;;
test) wanted=$test ;;
page) wanted=$page ;;
deb) wanted=$deb ;;
bench) wanted=$bench ;;
lintian) wanted=$lintian ;;
os) wanted=$os ;;
arm) wanted=$arm ;;
*) fail "usage: scripts/setup.sh lab|test|page|bench|deb|lintian|os|arm" ;;
esac

read -ra packages <<<"$(missing_packages "$wanted")"
[ ${#packages[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
	fail "this is no Debian system; install what these Debian packages hold yourself: ${packages[*]}"
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
	fail "these Debian packages are missing and only root can install them: ${packages[*]}"

echo "setup: installing Debian packages: ${packages[*]}"
forbid_services
if ! install_packages "${packages[@]}"; then
	echo "setup: once more with fresh package lists"
	as_root apt-get -q update
	install_packages "${packages[@]}" || fail "apt-get cannot install: ${packages[*]}"
fi
disable_services "${packages[@]}"

still=$(missing_packages "$wanted")
[ -z "$still" ] || fail "installed, but their programs are still not there: $still"
