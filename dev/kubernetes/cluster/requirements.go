package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// pluginFolder is where Debian puts the plugins that connect pods.
const pluginFolder = "/usr/lib/cni"

// socketLimit is how long the path of a Unix socket may be, in bytes.
const socketLimit = 107

// nodeServers are the binaries that a node needs besides those of a cluster.
var nodeServers = []string{"kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "dns", "pause"}

// needed is a program of the machine and the Debian package that has it.
type needed struct {
	program, debian string
}

var neededPrograms = []needed{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"nsenter", "util-linux"},
	{"mount", "mount"},
	{filepath.Join(pluginFolder, "ptp"), "containernetworking-plugins"},
	{filepath.Join(pluginFolder, "host-local"), "containernetworking-plugins"},
	{filepath.Join(pluginFolder, "loopback"), "containernetworking-plugins"},
}

// checkNode says all that is missing for a node before anything is started.
func checkNode(assets, temporary string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("--node needs root: a node makes namespaces, mounts and cgroups")
	}
	if name := missingIn(assets, nodeServers...); name != "" {
		return fmt.Errorf("no %s in %s: dev/kubernetes/build.sh --node builds it", name, assets)
	}
	if missing := missingPackages(neededPrograms, exec.LookPath); len(missing) > 0 {
		return fmt.Errorf("--node needs more of this machine: apt-get install %s", strings.Join(missing, " "))
	}
	return checkTemporary(temporary)
}

// missingPackages lists each package once whose program is not found.
func missingPackages(all []needed, find func(string) (string, error)) []string {
	var missing []string
	for _, n := range all {
		if _, err := find(n.program); err != nil && !slices.Contains(missing, n.debian) {
			missing = append(missing, n.debian)
		}
	}
	return missing
}

// checkTemporary refuses a place for the cluster's folder that the node's own mounts hide from the node.
func checkTemporary(folder string) error {
	socket := layout{filepath.Join(folder, folderPrefix+"4294967295")}.containerdSocket() + ".ttrpc"
	if len(socket) > socketLimit {
		return fmt.Errorf("--node needs a shorter temporary folder than %s: set TMPDIR", folder)
	}
	for _, hidden := range []string{"/run", "/var/run", "/var/log", "/var/lib"} {
		if folder == hidden || strings.HasPrefix(folder, hidden+"/") {
			return fmt.Errorf("--node needs a temporary folder outside %s: set TMPDIR", hidden)
		}
	}
	return nil
}
