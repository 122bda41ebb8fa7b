package arm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"time"

	"edgeagent/internal/lab"
)

// Board is a machine that QEMU plays.
type Board struct {
	Model string // as its device tree says, "" if that is QEMU's own
	Disk  int    // size in MiB
	root  string // the disk's name there
	tty   string // of the console
	args  func(k Kernel, disk, tap, console string) []string
}

// Virt returns the board that QEMU has for virtual machines. What runs on it
// runs on a Raspberry Pi with a 64-bit kernel.
func Virt() Board {
	return Board{Disk: 1024, root: "/dev/vda", tty: "ttyAMA0", args: func(_ Kernel, disk, tap, console string) []string {
		return []string{
			"-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi",
			"-drive", "if=none,id=disk,format=raw,file=" + disk, "-device", "virtio-blk-pci,drive=disk",
			// No ROM: nothing is ever booted from the network.
			"-netdev", "tap,id=lan,script=no,downscript=no,ifname=" + tap, "-device", "virtio-net-pci,netdev=lan,romfile=",
			"-serial", "file:" + console,
		}
	}}
}

// RaspberryPi3B returns the Pi: its CPU, its SD card, its Ethernet by USB. It
// has no clock that runs while the power is off.
func RaspberryPi3B() Board {
	return Board{
		Model: "Raspberry Pi 3 Model B", Disk: 1024, root: "/dev/mmcblk0", tty: "ttyS1,115200",
		args: func(k Kernel, disk, tap, console string) []string {
			return []string{
				// An SD card's size is a power of two.
				"-M", "raspi3b", "-accel", "tcg,thread=multi", "-dtb", k.DeviceTree,
				"-drive", "if=sd,format=raw,file=" + disk,
				"-netdev", "tap,id=lan,script=no,downscript=no,ifname=" + tap, "-device", "usb-net,netdev=lan",
				// The first is the PL011, which serves Bluetooth on this model; the
				// console is on the small UART.
				"-serial", "null", "-serial", "file:" + console,
			}
		},
	}
}

// VM is a board with its power on.
type VM struct {
	Console string // file
	PowerOn time.Time

	cmd  *exec.Cmd
	done chan struct{}
}

// PowerUp switches a board on, on a node of a lab whose end it will not
// outlive. The console's file is written anew. More arguments go to QEMU.
func (b Board) PowerUp(node *lab.Node, k Kernel, disk, tap, console string, more ...string) (*VM, error) {
	args := append([]string{
		"-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
		"-kernel", k.Image, "-initrd", k.Initrd,
		// systemd tells of each unit; the kernel only of trouble.
		"-append", "root=" + b.root + " console=" + b.tty + " systemd.show_status=yes quiet",
	}, b.args(k, disk, tap, console)...)
	if err := os.Remove(console); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("powering a board up: %w", err) // its text would be taken for this boot's
	}
	vm := &VM{Console: console, PowerOn: time.Now(), done: make(chan struct{})}
	vm.cmd = node.Command(context.Background(), "qemu-system-aarch64", append(args, more...)...)
	log, err := os.Create(console + ".qemu")
	if err != nil {
		return nil, fmt.Errorf("powering a board up: %w", err)
	}
	defer log.Close() // the program has its own descriptor
	vm.cmd.Stdout, vm.cmd.Stderr = log, log
	if err := node.Start(vm.cmd); err != nil {
		return nil, fmt.Errorf("powering a board up: %w", err)
	}
	go func() {
		_ = vm.cmd.Wait() // it only ends by a fault, which its log tells, or by PowerCut
		close(vm.done)
	}()
	return vm, nil
}

// PowerCut takes the board's power away: what its kernel had not written to the
// disk is lost.
func (vm *VM) PowerCut() {
	_ = vm.cmd.Process.Kill() // gone already is as good
	<-vm.done
}

// colours are a terminal's, which systemd sends to any console.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// Err returns an error if QEMU has ended by itself.
func (vm *VM) Err() error {
	select {
	case <-vm.done:
		return fmt.Errorf("QEMU has ended: %s", vm.ReadConsole())
	default:
		return nil
	}
}

// ReadConsole returns what the console has shown, after what QEMU said itself.
func (vm *VM) ReadConsole() string {
	said, _ := os.ReadFile(vm.Console + ".qemu") // neither need be there yet
	shown, _ := os.ReadFile(vm.Console)
	return string(said) + colours.ReplaceAllString(string(shown), "")
}
