package arm

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// allIDs maps every user and group that Debian uses to itself.
const allIDs = 1 << 16

// emulateScript is run as process 1 of the namespaces that Emulate makes.
const emulateScript = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
while [ "$1" != -- ]; do
	printf %s "$1" >/proc/sys/fs/binfmt_misc/register
	shift
done
shift
exec "$@"
`

// Emulate changes a command so that it, and what it starts, can run programs
// of the architectures: in user, mount and process namespaces with a binfmt_misc
// of their own, which Linux 6.7 brought. The host's programs run as before, and
// the host's own binfmt_misc knows nothing of it. It all ends with the command's
// process.
func Emulate(cmd *exec.Cmd, archs ...Arch) error {
	args := []string{"sh", "-c", emulateScript, "sh"}
	for _, a := range archs {
		path, err := exec.LookPath(a.Emulator)
		if err != nil {
			return fmt.Errorf("running %s programs: %w", a.Deb, err)
		}
		// F: the kernel opens the emulator now; it need not be in a root file
		// system that is entered. See the kernel's binfmt-misc.rst.
		args = append(args, strings.Join([]string{"", a.Emulator, "M", "", a.magic, magicMask, path, "F"}, ":"))
	}
	cmd.Args = append(append(args, "--", cmd.Path), cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	ids := []syscall.SysProcIDMap{{Size: allIDs}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
		Pdeathsig: syscall.SIGKILL,
	}
	return nil
}

// run runs a command of Emulate. The kernel kills it with the thread that
// started it, which therefore waits for it.
func run(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}
