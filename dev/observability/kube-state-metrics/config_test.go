// Package config runs kube-state-metrics' own code on our configuration for it.
package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/kube-state-metrics/v2/pkg/customresourcestate"
	"k8s.io/kube-state-metrics/v2/pkg/metric"
	"sigs.k8s.io/yaml"
)

const config = "../../../integrations/kube-state-metrics/dataworks.yaml"

// The labels that all series of a kind have.
func common(kind string) string {
	return `customresource_group="dataworks.alibabacloud.com",customresource_kind="` + kind + `",customresource_version="v1alpha1",`
}

// series is what kube-state-metrics shows of an object of this kind, sorted, without the labels that all have.
func series(t *testing.T, kind, object string) []string {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	var metrics struct {
		Kind string `json:"kind"`
		customresourcestate.Metrics
	}
	if err := yaml.UnmarshalStrict(text, &metrics); err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := yaml.Unmarshal([]byte(object), &content); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, resource := range metrics.Spec.Resources {
		if resource.GroupVersionKind.Kind != kind {
			continue
		}
		for i := range resource.Metrics {
			// As it does itself: any case will do.
			each := &resource.Metrics[i].Each
			each.Type = metric.Type(strings.ToLower(string(each.Type)))
		}
		factory, err := customresourcestate.NewCustomResourceMetrics(resource)
		if err != nil {
			t.Fatal(err)
		}
		for _, generator := range factory.MetricFamilyGenerators() {
			family := generator.Generate(&unstructured.Unstructured{Object: content})
			family.Name, family.Type = generator.Name, metric.Type(generator.Type)
			for line := range strings.Lines(string(family.ByteSlice())) {
				found = append(found, strings.Replace(strings.TrimSpace(line), common(kind), "", 1))
			}
		}
	}
	slices.Sort(found)
	return found
}

func check(t *testing.T, kind, object string, want ...string) {
	t.Helper()
	got := series(t, kind, object)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnObjectAtWork(t *testing.T) {
	check(t, "DataWorksResource", `
metadata: {name: a, namespace: team, generation: 3, deletionTimestamp: "2026-01-02T03:04:05Z"}
spec: {projectId: 42, path: X/a.py, suspend: true}
status:
  observedGeneration: 2
  id: "6314788648976303104"
  path: X/a.py
  type: Python
  origin: Created
  lastSyncTime: "2026-01-02T03:04:05Z"
  conditions:
    - {type: Ready, status: "False", reason: DeletionBlocked, lastTransitionTime: "2026-01-02T03:04:05Z"}
    - {type: Synced, status: Unknown, reason: DeletionBlocked, lastTransitionTime: "2026-01-02T03:04:06Z"}
`,
		`dataworksresource_condition_info{name="a",namespace="team",reason="DeletionBlocked",status="False",type="Ready"} 1`,
		`dataworksresource_condition_info{name="a",namespace="team",reason="DeletionBlocked",status="Unknown",type="Synced"} 1`,
		`dataworksresource_condition_since_seconds{name="a",namespace="team",type="Ready"} 1.767323045e+09`,
		`dataworksresource_condition_since_seconds{name="a",namespace="team",type="Synced"} 1.767323046e+09`,
		`dataworksresource_deletion_seconds{name="a",namespace="team"} 1.767323045e+09`,
		`dataworksresource_generation{name="a",namespace="team"} 3`,
		`dataworksresource_info{id="6314788648976303104",name="a",namespace="team",origin="Created",path="X/a.py",type="Python",workspace="42"} 1`,
		`dataworksresource_last_sync_seconds{name="a",namespace="team"} 1.767323045e+09`,
		`dataworksresource_observed_generation{name="a",namespace="team"} 2`,
		`dataworksresource_suspended{name="a",namespace="team"} 1`,
	)
}

func TestAnObjectThatWasJustApplied(t *testing.T) {
	check(t, "DataWorksResource", `
metadata: {name: a, namespace: team, generation: 1}
spec: {projectId: 42, path: X/a.py}
status: {observedGeneration: -1}
`,
		`dataworksresource_generation{name="a",namespace="team"} 1`,
		`dataworksresource_info{name="a",namespace="team",workspace="42"} 1`,
		`dataworksresource_observed_generation{name="a",namespace="team"} -1`,
		`dataworksresource_suspended{name="a",namespace="team"} 0`,
	)
}

func TestAWorkspace(t *testing.T) {
	check(t, "DataWorksWorkspace", `
metadata: {name: main, namespace: team}
spec: {projectId: 42, region: cn-shanghai, edition: Basic}
status:
  observedGeneration: 1
  project: {name: p, mode: Standard}
  resources: {total: 12, notReady: 1}
  inventoryTime: "2026-01-02T03:04:05Z"
  conditions:
    - {type: Ready, status: "False", reason: AccessDenied, lastTransitionTime: "2026-01-02T03:04:05Z"}
`,
		`dataworksworkspace_condition_info{name="main",namespace="team",reason="AccessDenied",status="False",type="Ready"} 1`,
		`dataworksworkspace_condition_since_seconds{name="main",namespace="team",type="Ready"} 1.767323045e+09`,
		`dataworksworkspace_info{edition="Basic",mode="Standard",name="main",namespace="team",region="cn-shanghai",workspace="42"} 1`,
		`dataworksworkspace_inventory_seconds{name="main",namespace="team"} 1.767323045e+09`,
		`dataworksworkspace_resources{name="main",namespace="team"} 12`,
		`dataworksworkspace_resources_not_ready{name="main",namespace="team"} 1`,
	)
}

func TestAWorkspaceThatWasJustApplied(t *testing.T) {
	check(t, "DataWorksWorkspace", `
metadata: {name: main, namespace: team}
spec: {projectId: 42, region: cn-shanghai}
status: {observedGeneration: -1}
`,
		`dataworksworkspace_info{name="main",namespace="team",region="cn-shanghai",workspace="42"} 1`,
	)
}
