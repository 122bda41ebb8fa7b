package faults

import (
	"testing"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

func TestTellingLeavesTheRowAlone(t *testing.T) {
	row := Row{Options: lab.Options{Config: map[string]string{"probe.interval": "2s"}}}
	opts := row.telling()
	if opts.Config["mqtt.status_topic"] != statusTopic || opts.Config["probe.interval"] != "2s" || !opts.BrokerKeeps {
		t.Errorf("%+v", opts)
	}
	if len(row.Options.Config) != 1 {
		t.Errorf("the row itself was changed: %v", row.Options.Config)
	}
	none := Row{Options: lab.Options{Config: map[string]string{topicKey: `""`}}}
	if opts := none.telling(); none.tells() || opts.Config[topicKey] != `""` || !opts.BrokerKeeps {
		t.Errorf("of a row that wants no topic: %+v", opts)
	}
	if opts := (Row{Options: lab.Options{AWSIoT: &awsiot.Quirks{}}}).telling(); opts.BrokerKeeps || opts.Config != nil {
		t.Errorf("with the stand-in: %+v", opts)
	}
}

func TestSameStates(t *testing.T) {
	ok := status.Condition{Stage: "link", State: status.OK}
	down := status.Condition{Stage: "link", State: status.Down}
	for name, c := range map[string]struct {
		kept, now []status.Condition
		same      bool
	}{
		"same":     {[]status.Condition{ok}, []status.Condition{ok}, true},
		"behind":   {[]status.Condition{down}, []status.Condition{ok}, false},
		"the will": {nil, []status.Condition{ok}, false},
	} {
		if err := sameStates(status.Snapshot{Stages: c.kept}, status.Snapshot{Stages: c.now}); (err == nil) != c.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}
