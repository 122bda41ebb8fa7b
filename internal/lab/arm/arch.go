package arm

import "edgeagent/internal/lab/rootfs"

// Arch is an architecture that the agent has a package for.
type Arch struct {
	Deb      string // Debian's name
	Emulator string // of its programs: qemu-user-static's name
	Machine  string // uname -m of a 64-bit kernel that runs them
	Release  string // Debian's, the tests' choice: both are covered
	magic    string // of its executables, for binfmt_misc
}

// Executables of either architecture differ in class and machine; see elf(5).
const (
	magicARM   = `\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00`
	magicARM64 = `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`
	// The mask lets any operating system's ABI and any kind of executable pass.
	magicMask = `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`
)

// Architectures returns what Raspberry Pis run: 32 bits on every model from
// Zero on, 64 bits from the 3 on.
func Architectures() []Arch {
	return []Arch{ARM64(), ARMHF()}
}

// ARM64 returns the 64-bit one.
func ARM64() Arch {
	return Arch{"arm64", "qemu-aarch64-static", "aarch64", rootfs.Bookworm, magicARM64}
}

// ARMHF returns the 32-bit one. Its kernel may have 64 bits, as on Pi OS.
func ARMHF() Arch {
	return Arch{"armhf", "qemu-arm-static", "aarch64", rootfs.Trixie, magicARM}
}
