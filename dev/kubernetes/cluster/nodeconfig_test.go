package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

var testLayout = layout{"/tmp/dataworks-cluster-1"}

// everythingInFolder finds paths that would leave something outside the folder of the cluster.
func everythingInFolder(t *testing.T, content string, allowed ...string) {
	t.Helper()
	for _, word := range strings.FieldsFunc(content, func(r rune) bool { return strings.ContainsRune("\"= \n,", r) }) {
		path := strings.TrimPrefix(word, "unix://")
		if strings.HasPrefix(path, "/") && !strings.HasPrefix(path, testLayout.folder+"/") && !slices.Contains(allowed, path) {
			t.Errorf("%s", path)
		}
	}
}

func TestContainerdConfiguration(t *testing.T) {
	config := containerdConfiguration(testLayout, "/usr/sbin/runc")
	everythingInFolder(t, config, "/usr/sbin/runc", pluginFolder)
	for _, want := range []string{
		`address = "/tmp/dataworks-cluster-1/containerd.sock"`, `sandbox_image = "docker.io/local/pause:node"`,
		"restrict_oom_score_adj = true", "disable_apparmor = true", `BinaryName = "/usr/sbin/runc"`,
		`bin_dir = "/usr/lib/cni"`, `conf_dir = "/tmp/dataworks-cluster-1/cni"`,
	} {
		if !strings.Contains(config, want) {
			t.Errorf("%s is not in\n%s", want, config)
		}
	}
}

func TestKubeletConfiguration(t *testing.T) {
	config := kubeletConfiguration(testLayout)
	// Its cgroup is named after the folder.
	everythingInFolder(t, config, "/dataworks-cluster-1")
	for _, want := range []string{
		"address: 198.18.1.2\n", "cgroupRoot: /dataworks-cluster-1\n", "failCgroupV1: false\n", "cgroupDriver: cgroupfs\n",
		"enforceNodeAllocatable: []\n", "resolvConf: \"\"\n", "clusterDNS:\n- 198.18.1.2\n",
		"containerRuntimeEndpoint: \"unix:///tmp/dataworks-cluster-1/containerd.sock\"\n", "nodefs.available: \"0%\"\n",
	} {
		if !strings.Contains(config, want) {
			t.Errorf("%s is not in\n%s", want, config)
		}
	}
}

func TestNetworkConfigurationIsJSON(t *testing.T) {
	config := networkConfiguration(testLayout)
	everythingInFolder(t, config)
	var parsed struct {
		Plugins []struct {
			IPAM struct {
				DataDir string
				Ranges  [][]struct{ Subnet string }
			}
		}
	}
	if err := json.Unmarshal([]byte(config), &parsed); err != nil {
		t.Fatal(err)
	}
	if got := parsed.Plugins[0].IPAM.Ranges[0][0].Subnet; got != podRange {
		t.Errorf("%s", config)
	}
}

func TestNodeArgumentsStayInTheFolder(t *testing.T) {
	for name, args := range map[string][]string{
		"kubelet": kubeletArguments(testLayout), "kube-proxy": proxyArguments(testLayout), "dns": dnsArguments(testLayout),
		"kube-controller-manager": controllerManagerArguments(testLayout), "kube-scheduler": schedulerArguments(testLayout),
	} {
		for _, arg := range args {
			_, value, _ := strings.Cut(arg, "=")
			everythingInFolder(t, value, kubeletRoot)
		}
		if want := "--kubeconfig=" + testLayout.kubeconfigOf(name); !slices.Contains(args, want) {
			t.Errorf("%s: %s is not among %v", name, want, args)
		}
	}
}

func TestEveryProgramHasItsClient(t *testing.T) {
	folder := t.TempDir()
	if err := testCredentials(t).writeNodeClients(layout{folder}, testPorts); err != nil {
		t.Fatal(err)
	}
	for _, name := range nodeLogs {
		missing := missingFile(layout{folder}.kubeconfigOf(name))
		// The container runtime knows nothing of the API server.
		if missing != (name == "containerd") {
			t.Errorf("%s: %v", name, missing)
		}
	}
}
