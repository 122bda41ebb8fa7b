package arm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// initScript is process 1 of the initramfs: it loads modules, mounts and goes on. Debian's own
// initramfs tools would run for minutes under emulation and bring what no board
// here needs. An SD card comes late, so the disk is waited for.
const initScript = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
root=
for word in $(cat /proc/cmdline); do
	case $word in root=*) root=${word#root=} ;; esac
done
for module in %s; do modprobe $module; done
until [ -b "$root" ]; do sleep 0.2; done
mount -t ext4 "$root" /root || exec sh
umount /proc /sys
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
`

// assemble makes what a Kernel consists of from unpacked packages.
func assemble(ctx context.Context, raw, dir string) error {
	images, err := filepath.Glob(filepath.Join(raw, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return fmt.Errorf("the package holds the kernels %v", images)
	}
	version := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte(version), 0o644); err != nil {
		return err
	}
	trees, err := filepath.Glob(filepath.Join(raw, "usr/lib/linux-image-*/broadcom", piDeviceTree))
	if err != nil || len(trees) != 1 {
		return fmt.Errorf("the package holds the device trees %v", trees)
	}
	for from, to := range map[string]string{images[0]: "vmlinuz", trees[0]: piDeviceTree} {
		if err := os.Rename(from, filepath.Join(dir, to)); err != nil {
			return err
		}
	}
	if err := pickModules(ctx, raw, dir, version); err != nil {
		return err
	}
	return makeInitrd(ctx, raw, dir)
}

// pickModules copies the modules and what they depend on, 2 of 300 MB, for the
// initramfs and for root file systems.
func pickModules(ctx context.Context, raw, dir, version string) error {
	if _, err := tool(ctx, "depmod", "-b", raw, version); err != nil {
		return err
	}
	args := append([]string{"modprobe", "-d", raw, "-S", version, "-a", "--show-depends"}, slices.Concat(diskModules(), systemModules())...)
	shown, err := tool(ctx, args...)
	if err != nil {
		return err
	}
	from, to := filepath.Join(raw, "lib/modules", version), filepath.Join(dir, "lib/modules", version)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files := []string{"modules.builtin", "modules.builtin.modinfo", "modules.order"}
	for line := range strings.Lines(shown) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "insmod" {
			file, err := filepath.Rel(from, fields[1])
			if err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	slices.Sort(files)
	cp := exec.CommandContext(ctx, "cp", append(append([]string{"--parents"}, slices.Compact(files)...), to)...)
	cp.Dir = from
	if _, err := output(cp); err != nil {
		return err
	}
	if _, err := tool(ctx, "depmod", "-b", dir, version); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, "lib/modules"), filepath.Join(dir, "modules")); err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, "lib"))
}

// makeInitrd makes the initramfs: busybox, the modules and initScript.
func makeInitrd(ctx context.Context, raw, dir string) error {
	tree := filepath.Join(raw, "initramfs")
	for _, d := range []string{"bin", "lib"} {
		if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
			return err
		}
	}
	script := fmt.Sprintf(initScript, strings.Join(diskModules(), " "))
	if err := os.WriteFile(filepath.Join(tree, "init"), []byte(script), 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{filepath.Join(raw, "bin/busybox"), filepath.Join(tree, "bin")},
		{filepath.Join(dir, "modules"), filepath.Join(tree, "lib")},
	} {
		if _, err := tool(ctx, append([]string{"cp", "-a"}, args...)...); err != nil {
			return err
		}
	}
	// newc is the only format that the kernel reads. See its initramfs docs.
	pack := exec.CommandContext(ctx, "sh", "-c", `find . | cpio --quiet -o -H newc | gzip -1 >"$0"`, filepath.Join(dir, "initrd"))
	pack.Dir = tree
	_, err := output(pack)
	return err
}
