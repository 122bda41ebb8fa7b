package handover

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// state is what a test hands over.
type state struct {
	Text string `json:"text"`
}

// save writes a record and returns a descriptor of it for Load.
func save(t *testing.T, schema int, text string) int {
	t.Helper()
	f, err := Save(schema, state{text})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := Dup(f)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestRecordComesBack(t *testing.T) {
	var got state
	if err := Load(save(t, 3, "what was"), 3, &got); err != nil || got.Text != "what was" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRecordCannotBeChanged(t *testing.T) {
	fd := save(t, 1, "what was")
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, []byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("writing: %v", err)
	}
}

func TestOtherRecordsAreRefused(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	nullFD, err := Dup(null)
	if err != nil {
		t.Fatal(err)
	}
	var got state
	if err := Load(nullFD, 1, &got); !errors.Is(err, errNotSealed) {
		t.Errorf("a device: %v", err)
	}
	if err := Load(save(t, 2, "newer"), 1, &got); !errors.Is(err, errSchema) {
		t.Errorf("a newer schema: %v", err)
	}
	other := fmt.Appendf(nil, `{"schema":1,"pid":%d,"state":{}}`, os.Getppid())
	if err := decode(other, 1, &got); !errors.Is(err, errNotOurs) {
		t.Errorf("another process's: %v", err)
	}
	ours := `{"schema":1,"pid":` + strconv.Itoa(os.Getpid()) + `,"state":`
	for _, text := range []string{"", "{", ours + `7}`, ours + `{}} {}`} {
		if err := decode([]byte(text), 1, &got); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema":1,"pid":1,"state":{"text":"x"}}`))
	f.Add([]byte(`{"schema":99,"pid":-1,"state":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got state
		if err := decode(data, 1, &got); err == nil && !slices.Contains(data, byte('{')) {
			t.Errorf("%q is taken", data)
		}
	})
}

func TestPendingIsToldOnce(t *testing.T) {
	t.Setenv(Env, "17")
	if fd, ok := Pending(); fd != 17 || !ok {
		t.Errorf("%d, %v", fd, ok)
	}
	if _, ok := Pending(); ok || os.Getenv(Env) != "" {
		t.Error("a child would believe it too")
	}
	t.Setenv(Env, "stdin")
	if fd, ok := Pending(); fd != None || !ok {
		t.Errorf("garbage: %d, %v", fd, ok)
	}
}
