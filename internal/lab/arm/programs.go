package arm

// program is one that this package runs, and its Debian package.
type program struct{ name, pkg string }

// programs returns those besides the lab's and rootfs's.
func programs() []program {
	return []program{
		{"qemu-arm-static", "qemu-user-static"},
		{"qemu-aarch64-static", "qemu-user-static"},
		{"qemu-system-aarch64", "qemu-system-arm"},
		{"arch-test", "arch-test"},
		{"modprobe", "kmod"},
		{"cpio", "cpio"},
		{"mkfs.ext4", "e2fsprogs"},
	}
}
