# Process 1 of a node: mounts what makes it a machine of its own, then only
# waits, and so reaps orphans. The upper layer of /etc is on a tmpfs because an
# overlay cannot lie on another one, which the host's root may well be.
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/overlay/upper /run/overlay/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/overlay/upper,workdir=/run/overlay/work overlay /etc
cd /
echo ready
while :; do
	sleep 86400 &
	wait
done
