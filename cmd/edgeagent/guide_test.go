package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// unfilledDevice is how a device is whose conffile holds text, for a second.
func unfilledDevice(t *testing.T, text string) status.Snapshot {
	t.Helper()
	const place = "/etc/edgeagent/edgeagent.yaml"
	dir := t.TempDir()
	file := filepath.Join(dir, "edgeagent.yaml")
	text = strings.ReplaceAll(text, "/etc/edgeagent/", dir+"/missing/")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	service := config.Self() // as the service's user, whom this machine need not have
	service.Name, service.Group, service.UID = config.ServiceUser, config.ServiceUser, os.Geteuid()
	u := whatIsWrong(file, config.Examine(file, service).Faults)
	there := strings.NewReplacer(file, place, dir+"/missing/", "/etc/edgeagent/")
	u.Detail = there.Replace(u.Detail)
	for i := range u.Notes {
		u.Notes[i] = there.Replace(u.Notes[i])
	}
	u.Commands = nil // they depend on this machine's users
	board := status.NewBoard("raspberrypi", "0.1.0", "config", "link", "dns", "endpoint", "broker", "tunnel")
	board.Set("config", u)
	s := board.Snapshot()
	s.Now = s.Since.Add(time.Second)
	return s
}

// inWords is what s shows above the commands, in the words of this version.
func inWords(s status.Snapshot, in status.Language) string {
	screen, _, _ := strings.Cut(status.Text(s, status.TextOptions{Language: in}), map[status.Language]string{
		status.English: "More: ", status.Japanese: "詳細: ",
	}[in])
	return strings.TrimSpace(screen)
}

// The screens of the installation guide are those of the program.
func TestGuideShowsRealScreens(t *testing.T) {
	guide := readDoc(t, "docs/install.md")
	shipped := readDoc(t, "configs/edgeagent.yaml")
	indented := func(screen string) string {
		return "    " + strings.ReplaceAll(strings.TrimSpace(screen), "\n", "\n    ")
	}
	if want := indented(inWords(unfilledDevice(t, shipped), status.English)); !strings.Contains(guide, want) {
		t.Errorf("after the installation the guide should show\n%s", want)
	}
	filled := strings.NewReplacer(`thing: "" `, "thing: gw-042 ", `region: "" `, "region: ap-northeast-1 ",
		`host: ""`, "host: xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com").Replace(shipped)
	screen, _, _ := strings.Cut(inWords(unfilledDevice(t, filled), status.English), "\n  link ")
	screen = strings.Replace(screen, "for 1 s", "for 2 s", 1)
	if want := indented(screen); !strings.Contains(guide, want) {
		t.Errorf("after the values are filled in the guide should show\n%s", want)
	}
}

// What the guide hands out as JSON is JSON.
func TestGuideHandsOutJSON(t *testing.T) {
	files, err := filepath.Glob("../../docs/aws/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("only %q: %v", files, err)
	}
	for _, file := range files {
		if name := filepath.Base(file); !strings.Contains(readDoc(t, "docs/aws-setup.md"), "aws/"+name) {
			t.Errorf("the guide does not mention %s", name)
		}
		var v any
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &v)
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
