package arm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"edgeagent/internal/lab/rootfs"
)

const (
	kernelRelease = rootfs.Bookworm
	kernelPackage = "linux-image-arm64" // depends on the current one

	// kernelRecipe counts changes of what is made of the packages.
	kernelRecipe = "2"

	piDeviceTree = "bcm2837-rpi-3-b.dtb"
)

// diskModules are what the kernel needs to find its root file system on either
// board. The initramfs loads them.
func diskModules() []string {
	return []string{
		"virtio_pci", "virtio_blk", // QEMU's virt
		"bcm2835", "sdhci_iproc", "mmc_block", // the Pi
		"ext4",
	}
}

// systemModules are loaded from the root file system when they are wanted: a
// network by udev, tun by what the agent's package says.
func systemModules() []string {
	return []string{"virtio_net", "dwc2", "cdc_ether", "bcm2835_wdt", "tun"}
}

// Kernel is Debian's arm64 kernel, as files to be given to QEMU. They are
// shared and must not be written to.
type Kernel struct {
	Version    string
	Image      string
	Initrd     string // which mounts root= and goes on there
	Modules    string // directory to be copied to /lib/modules of a root file system
	DeviceTree string // of a Raspberry Pi 3B
}

// FetchKernel returns the kernel. It is downloaded by apt, but with a state of
// its own: this machine's apt knows nothing of arm64.
func FetchKernel(ctx context.Context) (Kernel, error) {
	cache, err := rootfs.CacheDir("kernel")
	if err != nil {
		return Kernel{}, err
	}
	dir := filepath.Join(cache, kernelRelease+"-arm64-"+kernelRecipe)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := fetchKernel(ctx, cache, dir); err != nil {
			return Kernel{}, fmt.Errorf("getting a kernel for arm64: %w", err)
		}
	}
	version, err := os.ReadFile(filepath.Join(dir, "version"))
	if err != nil {
		return Kernel{}, fmt.Errorf("getting a kernel for arm64: %w", err)
	}
	return Kernel{
		Version: string(version), Image: filepath.Join(dir, "vmlinuz"), Initrd: filepath.Join(dir, "initrd"),
		Modules: filepath.Join(dir, "modules"), DeviceTree: filepath.Join(dir, piDeviceTree),
	}, nil
}

// fetchKernel makes dir under another name: what bears the final one is complete.
func fetchKernel(ctx context.Context, cache, dir string) error {
	tmp, err := os.MkdirTemp(cache, "new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	debs, err := download(ctx, filepath.Join(tmp, "apt"))
	if err != nil {
		return err
	}
	raw, done := filepath.Join(tmp, "raw"), filepath.Join(tmp, "done")
	for _, deb := range debs {
		if _, err := tool(ctx, "dpkg-deb", "-x", deb, raw); err != nil {
			return err
		}
	}
	if err := os.Mkdir(done, 0o755); err != nil {
		return err
	}
	if err := assemble(ctx, raw, done); err != nil {
		return err
	}
	return os.Rename(done, dir)
}

// download gets the kernel's package and a busybox for its initramfs.
func download(ctx context.Context, dir string) ([]string, error) {
	a, err := newApt(dir)
	if err != nil {
		return nil, err
	}
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		return nil, err
	}
	// The package itself is empty: its name stays while kernels come and go.
	depends, err := a.run(ctx, "apt-cache", "depends", "--important", kernelPackage)
	if err != nil {
		return nil, err
	}
	_, image, ok := strings.Cut(depends, "Depends: ")
	if !ok {
		return nil, fmt.Errorf("%s depends on nothing: %s", kernelPackage, depends)
	}
	if _, err := a.run(ctx, "apt-get", "download", strings.Fields(image)[0], "busybox-static"); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(a.dir, "debs", "*.deb"))
}

// apt is this machine's, with a state of its own in a directory.
type apt struct{ dir, sources string }

func newApt(dir string) (apt, error) {
	for _, d := range []string{"lists/partial", "cache/archives/partial", "debs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return apt{}, err
		}
	}
	source, err := rootfs.Source(kernelRelease)
	if err != nil {
		return apt{}, err
	}
	a := apt{dir, filepath.Join(dir, "sources.list")}
	return a, os.WriteFile(a.sources, []byte(source+"\n"), 0o644)
}

// run runs one of apt's programs; what it downloads lands in debs. Proxies and
// the like stay as this machine's configuration has them. See apt.conf(5).
func (a apt) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append([]string{
		"-q", "-oAPT::Architecture=arm64", "-oAPT::Architectures=arm64",
		// This machine's root may write where apt's own user may not.
		"-oAPT::Sandbox::User=root",
		"-oDir::Etc::SourceList=" + a.sources, "-oDir::Etc::SourceParts=/dev/null",
		"-oDir::State=" + a.dir, "-oDir::State::Lists=" + filepath.Join(a.dir, "lists"),
		// Nothing is installed in there: downloads are not held up by it.
		"-oDir::State::Status=/dev/null", "-oDir::Cache=" + filepath.Join(a.dir, "cache"),
	}, args...)...)
	cmd.Dir = filepath.Join(a.dir, "debs")
	out, err := output(cmd)
	if err != nil {
		err = fmt.Errorf("running %s %s: %w", program, strings.Join(args, " "), err)
	}
	return out, err
}
