// Package kstatus holds the phases of our objects against what kstatus makes of them: the code of cli-utils, and
// Flux's fork of it, which Helm 4 uses too.
package kstatus

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

const folder = "../../tests/fixtures/status"

// A row of the table; the file says what its fields mean.
type row struct {
	Name    string `json:"name"`
	Kstatus string `json:"kstatus"`
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Decoded as a client decodes the answer of the API server: kstatus takes no other numbers than int64.
func object(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	json, err := yaml.YAMLToJSON(read(t, path))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(json); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

func TestPhases(t *testing.T) {
	phases(t, "table.yaml", "objects", 30)
	phases(t, "workspaces.yaml", "workspaces", 15)
}

func phases(t *testing.T, table, objects string, least int) {
	var rows []row
	if err := yaml.Unmarshal(read(t, table), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < least {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		t.Run(objects+"/"+row.Name, func(t *testing.T) {
			object := object(t, fmt.Sprintf("%s/%s.yaml", objects, row.Name))
			ready := message(object, "Ready")

			ours, err := upstream.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			check(t, "cli-utils", row, ours.Status.String(), ours.Message, ready)

			theirs, err := flux.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			check(t, "flux", row, theirs.Status.String(), theirs.Message, ready)
		})
	}
}

// What stops an object is told to people by the tools, so the message must be ours.
func check(t *testing.T, who string, row row, status, message, ready string) {
	t.Helper()
	if status != row.Kstatus {
		t.Errorf("%s says %s (%s), the table %s", who, status, message, row.Kstatus)
	}
	if status == upstream.FailedStatus.String() && message != ready {
		t.Errorf("%s gives the message %q in place of %q", who, message, ready)
	}
}

func message(object *unstructured.Unstructured, name string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields, ok := condition.(map[string]any); ok && fields["type"] == name {
			return fmt.Sprint(fields["message"])
		}
	}
	return ""
}
