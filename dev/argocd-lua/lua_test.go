// Package argocdlua runs the scripts of integrations/argocd with Argo CD's own code, out of the patch of its
// ConfigMap, over every phase of our objects.
package argocdlua

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	root  = "../.."
	group = "dataworks.alibabacloud.com"
)

// A row of the table; the file says what its fields mean.
type row struct {
	Name   string `json:"name"`
	Argocd string `json:"argocd"`
	Says   string `json:"says"`
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func machine(t *testing.T) lua.VM {
	t.Helper()
	var patch struct{ Data map[string]string }
	read(t, "integrations/argocd/argocd-cm.yaml", &patch)
	overrides := map[string]v1alpha1.ResourceOverride{}
	for _, kind := range []string{"DataWorksResource", "DataWorksWorkspace"} {
		overrides[group+"/"+kind] = v1alpha1.ResourceOverride{
			HealthLua: patch.Data["resource.customizations.health."+group+"_"+kind],
			Actions:   patch.Data["resource.customizations.actions."+group+"_"+kind],
		}
	}
	return lua.VM{ResourceOverrides: overrides}
}

type check func(*testing.T, lua.VM, row, *unstructured.Unstructured)

func resources(t *testing.T, check check) {
	each(t, "table.yaml", "objects", 30, check)
}

func workspaces(t *testing.T, check check) {
	each(t, "workspaces.yaml", "workspaces", 15, check)
}

func each(t *testing.T, table, objects string, least int, check check) {
	vm := machine(t)
	var rows []row
	read(t, "tests/fixtures/status/"+table, &rows)
	if len(rows) < least {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		t.Run(objects+"/"+row.Name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			read(t, "tests/fixtures/status/"+objects+"/"+row.Name+".yaml", &object.Object)
			check(t, vm, row, object)
		})
	}
}

func TestHealth(t *testing.T) {
	health := func(t *testing.T, vm lua.VM, row row, object *unstructured.Unstructured) {
		if object.GetDeletionTimestamp() != nil {
			t.Skip("Argo CD asks no script about an object that is being deleted")
		}
		script, open, err := vm.GetHealthScript(object)
		if err != nil || script == "" || open {
			t.Fatalf("script %q, all libraries: %v, %v", script, open, err)
		}
		health, err := vm.ExecuteHealthLua(object, script)
		if err != nil {
			t.Fatal(err)
		}
		want := row.Says
		if want == "" {
			want = message(object)
		}
		if string(health.Status) != row.Argocd || health.Message != want {
			t.Errorf("%s (%s), the table says %s (%s)", health.Status, health.Message, row.Argocd, want)
		}
	}
	resources(t, health)
	workspaces(t, health)
}

func TestActions(t *testing.T) {
	workspaces(t, func(t *testing.T, vm lua.VM, _ row, object *unstructured.Unstructured) {
		offers := offered(t, vm, object)
		if len(offers) != 1 || offers[0].Name != "reconcile" || offers[0].Disabled {
			t.Errorf("%v", offers)
		}
		asks(t, vm, object, "reconcile")
	})
	resources(t, func(t *testing.T, vm lua.VM, row row, object *unstructured.Unstructured) {
		// What is Healthy is as declared, and of this version.
		ended := row.Argocd == "Healthy" || row.Name == "publication-failed"
		_, publishes, _ := unstructured.NestedMap(object.Object, "spec", "publish")
		suspended, _, _ := unstructured.NestedBool(object.Object, "spec", "suspend")
		publishing := object.DeepCopy()
		if err := unstructured.SetNestedField(publishing.Object, "OnChange", "spec", "publish", "policy"); err != nil {
			t.Fatal(err)
		}
		offersAre(t, vm, object, suspended, publishes && ended)
		offersAre(t, vm, publishing, suspended, ended)
		if after := act(t, vm, object, "suspend"); after["spec"].(map[string]any)["suspend"] != true {
			t.Error("suspend sets nothing")
		}
		if _, there := act(t, vm, object, "resume")["spec"].(map[string]any)["suspend"]; there {
			t.Error("resume leaves the field")
		}
		asks(t, vm, object, "reconcile")
		asks(t, vm, object, "publish")
	})
}

func offersAre(t *testing.T, vm lua.VM, object *unstructured.Unstructured, suspended, publish bool) {
	t.Helper()
	offers := offered(t, vm, object)
	if len(offers) != 4 {
		t.Errorf("%d actions", len(offers))
	}
	for _, offer := range offers {
		disabled := suspended != (offer.Name == "resume")
		if offer.Name == "publish" {
			disabled = !publish
		}
		if offer.Disabled != disabled {
			t.Errorf("%s is disabled: %v", offer.Name, offer.Disabled)
		}
	}
}

func offered(t *testing.T, vm lua.VM, object *unstructured.Unstructured) []v1alpha1.ResourceAction {
	t.Helper()
	scripts, err := vm.GetResourceActionDiscovery(object)
	if err != nil {
		t.Fatal(err)
	}
	offers, err := vm.ExecuteResourceActionDiscovery(object, scripts)
	if err != nil {
		t.Fatal(err)
	}
	return offers
}

// That the action sets its annotation to a time.
func asks(t *testing.T, vm lua.VM, object *unstructured.Unstructured, name string) {
	t.Helper()
	annotations := act(t, vm, object, name)["metadata"].(map[string]any)["annotations"].(map[string]any)
	if time, _ := annotations[group+"/"+name+"-requested-at"].(string); time == "" {
		t.Errorf("%s sets no time", name)
	}
}

func act(t *testing.T, vm lua.VM, object *unstructured.Unstructured, name string) map[string]any {
	t.Helper()
	action, err := vm.GetResourceAction(object, name)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := vm.ExecuteResourceAction(object, action.ActionLua, nil)
	if err != nil || len(changed) != 1 || changed[0].K8SOperation != lua.PatchOperation {
		t.Fatalf("%s: %v, %v", name, changed, err)
	}
	return changed[0].UnstructuredObj.Object
}

func message(object *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, condition := range conditions {
		if fields := condition.(map[string]any); fields["type"] == "Ready" {
			return fields["message"].(string)
		}
	}
	return ""
}
