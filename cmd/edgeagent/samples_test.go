package main

import (
	"regexp"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

// TestDocumentsShowRealConfigurations: what the documents show of the file is
// accepted, once what a link needs is around it.
func TestDocumentsShowRealConfigurations(t *testing.T) {
	const head = "device: {thing: gw-042, region: ap-northeast-1}\nendpoint: {host: xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com}\n" +
		"resolver: {servers: [10.0.0.2]}\n"
	sample := regexp.MustCompile(`(?m)^    links:\n(?:    .*\n)+`)
	shown := 0
	for _, doc := range documents(t) {
		for _, block := range sample.FindAllString(readDoc(t, doc), -1) {
			shown++
			text := head + strings.ReplaceAll("\n"+block, "\n    ", "\n")
			if _, err := config.Parse(doc, []byte(text)); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	}
	if shown < 5 {
		t.Errorf("only %d samples found", shown)
	}
}
