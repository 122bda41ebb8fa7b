package rival

import (
	"os"
	"path/filepath"
	"testing"

	"edgeagent/internal/lab"
)

// TestOfficeReadsWhatIsNew holds that an acknowledgement of before does not count.
func TestOfficeReadsWhatIsNew(t *testing.T) {
	dir := t.TempDir()
	o := &office{lab: &lab.Lab{Dir: dir}}
	if _, err := o.logSize(); err == nil {
		t.Error("a log that is not there has a size")
	}
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		f, err := os.OpenFile(o.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("1: Received PUBACK from gw-042 (Mid: 1, RC:0)\n")
	offset, err := o.logSize()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := o.logFrom(offset); err != nil || len(text) > 0 {
		t.Errorf("new is %q, %v", text, err)
	}
	const second = "2: Received PUBACK from gw-042 (Mid: 2, RC:0)\n"
	write(second)
	if text, err := o.logFrom(offset); err != nil || string(text) != second {
		t.Errorf("new is %q, %v", text, err)
	}
}
