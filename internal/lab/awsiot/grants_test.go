package awsiot

import (
	"strings"
	"testing"
)

// sample is a policy with the least that its tests need.
const sample = `{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["iot:Connect"], "Resource": "arn:aws:iot:r:1:client/${iot:Connection.Thing.ThingName}",
   "Condition": {"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}, "ForAllValues:StringEquals": {"iot:ConnectAttributes": "PersistentConnect"}}},
  {"Effect": "Allow", "Action": "iot:*", "Resource": "arn:aws:iot:r:1:topic/a/*/b?"},
  {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*/secret/b1"}]}`

func TestGrants(t *testing.T) {
	g, err := ParseGrants([]byte(sample), "gw-042", "vpce-2")
	must(t, err)
	tests := []struct {
		action, resource string
		attributes       []string
		want             bool
	}{
		{"iot:Connect", "client/gw-042", nil, true},
		{"iot:Connect", "client/gw-042", []string{persistentConnect}, true},
		{"iot:Connect", "client/gw-042", []string{persistentConnect, lastWill}, false},
		{"iot:Connect", "client/gw-043", nil, false},
		{"iot:Connect", "client/${iot:Connection.Thing.ThingName}", nil, false},
		{"iot:Publish", "topic/a/x/y/b1", nil, true},
		{"iot:Publish", "topic/a/x/b", nil, false},
		{"iot:Publish", "topic/a/secret/b1", nil, false}, // denied, though allowed
		{"iot:Receive", "topic/a/secret/b1", nil, true},
		{"iot:Receive", "topic/b", nil, false},
	}
	for _, tt := range tests {
		if got := g.Allows(tt.action, tt.resource, tt.attributes...); got != tt.want {
			t.Errorf("%s on %s with %q: %v", tt.action, tt.resource, tt.attributes, got)
		}
	}
	elsewhere, err := ParseGrants([]byte(sample), "gw-042", "")
	must(t, err)
	if elsewhere.Allows("iot:Connect", "client/gw-042") {
		t.Error("a connection from the internet is allowed")
	}
}

// A policy that is not fully understood must not look like one that allows less,
// or more.
func TestGrantsRefused(t *testing.T) {
	for name, document := range map[string]string{
		"no JSON":           "{",
		"older version":     strings.Replace(sample, "2012-10-17", "2008-10-17", 1),
		"unknown key":       strings.Replace(sample, `"Effect": "Deny"`, `"NotAction": "x", "Effect": "Deny"`, 1),
		"unknown condition": strings.Replace(sample, "aws:SourceVpce", "aws:SourceIp", 1),
		"unknown operator":  strings.Replace(sample, `"StringEquals"`, `"StringLike"`, 1),
		"unknown effect":    strings.Replace(sample, `"Deny"`, `"Forbid"`, 1),
		"no resource":       strings.Replace(sample, `"Resource": "*/secret/b1"`, `"Resource": []`, 1),
	} {
		if _, err := ParseGrants([]byte(document), "gw-042", ""); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
