package status

import (
	"encoding/json"
	"testing"
)

func TestNumber(t *testing.T) {
	f := Facts{"int": 3, "int64": int64(3), "uint64": uint64(3), "float": 3.0, "text": "3", "none": nil}
	for _, key := range []string{"int", "int64", "uint64", "float"} {
		if n, ok := f.Number(key); !ok || n != 3 {
			t.Errorf("%s: %v, %v", key, n, ok)
		}
	}
	for _, key := range []string{"text", "none", "missing"} {
		if n, ok := f.Number(key); ok {
			t.Errorf("%s is %v", key, n)
		}
	}
}

// TestNumberFromJSON: a client has the same facts as the daemon.
func TestNumberFromJSON(t *testing.T) {
	b := NewBoard("gw", "test", "link")
	b.Set("link", Update{State: OK, Facts: Facts{"bytes_in": uint64(1 << 40)}})
	text, err := json.Marshal(b.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var s Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	c, ok := s.Stage("link")
	if n, known := c.Facts.Number("bytes_in"); !ok || !known || n != 1<<40 {
		t.Errorf("%v, %v of %+v", n, known, c)
	}
	if _, ok := s.Stage("lnik"); ok {
		t.Error("a stage that is not there")
	}
}
