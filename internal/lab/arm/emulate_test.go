package arm

import (
	"os/exec"
	"strings"
	"testing"
)

func TestEmulateNamesTheEmulatorThatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, arch := range Architectures() {
		err := Emulate(exec.Command("/bin/true"), arch)
		if err == nil || !strings.Contains(err.Error(), arch.Deb) || !strings.Contains(err.Error(), arch.Emulator) {
			t.Errorf("without an emulator for %s: %v", arch.Deb, err)
		}
	}
}

func TestOutputQuotesBothStreamsOfAFailure(t *testing.T) {
	out, err := output(exec.Command("sh", "-c", "echo said; echo complained >&2; exit 7"))
	if out != "said\n" {
		t.Errorf("the output is %q", out)
	}
	for _, want := range []string{"exit status 7", "said", "complained"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not tell %q: %v", want, err)
		}
	}
}

func TestUnavailableNamesThePackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got, want := unavailable(), "needs qemu-arm-static: apt-get install qemu-user-static"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
