package main

import (
	"strings"
	"testing"
)

func TestNodeReady(t *testing.T) {
	const (
		ready    = `"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"DiskPressure","status":"False"}]}`
		notReady = `"status":{"conditions":[{"type":"Ready","status":"False","message":"no network"}]}`
		tainted  = `"spec":{"taints":[{"key":"node.kubernetes.io/not-ready"}]}`
	)
	for _, test := range []struct{ content, fault string }{
		{`{"spec":{},` + ready + `}`, ""},
		{`{` + tainted + `,` + ready + `}`, "tainted: node.kubernetes.io/not-ready"},
		{`{` + notReady + `}`, "not ready: no network"},
		{`{}`, "no status"},
		{`{`, "JSON"},
	} {
		err := nodeReady([]byte(test.content))
		if test.fault == "" && err != nil || test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: %v", test.content, err)
		}
	}
}
