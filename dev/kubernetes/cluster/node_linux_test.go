package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// needNode skips a test on a machine that cannot have a node. The folder has the binaries that the test needs.
func needNode(t *testing.T, assets string) {
	t.Helper()
	if err := checkNode(assets, os.TempDir()); err != nil {
		t.Skip(err)
	}
}

// machine is what a node could leave changed, by where it is seen.
type machine map[string]string

func machineNow(t *testing.T) machine {
	t.Helper()
	m := machine{}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		m["links"] += link.Attrs().Name + "\n"
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	m["routes"] = fmt.Sprint(routes)
	for _, table := range []string{"nat", "filter", "mangle"} {
		rules, err := exec.Command("iptables", "-t", table, "-S").CombinedOutput()
		if err != nil {
			t.Fatal(string(rules))
		}
		m["table "+table] = string(rules)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	m["mounts"] = string(mounts)
	hierarchies, err := cgroupHierarchies(cgroupMount)
	if err != nil {
		t.Fatal(err)
	}
	for _, hierarchy := range hierarchies {
		left, _ := filepath.Glob(filepath.Join(hierarchy, folderPrefix+"*"))
		m[hierarchy] = strings.Join(left, "\n")
	}
	for name := range tunables {
		value, _ := os.ReadFile(filepath.Join("/proc/sys", name))
		m[name] = string(value)
	}
	forward, _ := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	m["ip_forward"] = string(forward)
	for _, folder := range []string{"/run/*", "/run/containerd/*", "/var/lib/*", "/var/lib/cni/*", "/var/log/*", "/opt/*", "/etc/cni/*"} {
		entries, _ := filepath.Glob(folder)
		m[folder] = strings.Join(entries, "\n")
	}
	return m
}

func (m machine) expectUnchanged(t *testing.T) {
	t.Helper()
	for where, now := range machineNow(t) {
		if now != m[where] {
			t.Errorf("%s was\n%s\nand is\n%s", where, m[where], now)
		}
	}
}

// processesOf are those that mention the folder in their command line.
func processesOf(folder string) []string {
	var found []string
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if line, _ := os.ReadFile(path); strings.Contains(string(line), folder) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// buildProgram builds a static program.
func buildProgram(t *testing.T, file, source string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", file, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(output))
	}
}

// visitorImage writes an archive with the program that visits the API server.
func visitorImage(t *testing.T, name string) string {
	t.Helper()
	folder := t.TempDir()
	program, archive := filepath.Join(folder, "visitor"), filepath.Join(folder, "visitor.tar")
	buildProgram(t, program, "./testdata/visitor")
	if err := writeImage(archive, name, program); err != nil {
		t.Fatal(err)
	}
	return archive
}

// visitor is a pod that passes the restricted profile.
const visitor = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME"},"spec":{
	"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},
	"containers":[{"name":"visitor","image":"IMAGE","imagePullPolicy":"Never","securityContext":{
		"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}}]}}`

func (l *launcher) expectVisit(a announcement, name, image string) {
	l.t.Helper()
	pod := filepath.Join(l.t.TempDir(), "pod.json")
	content := strings.NewReplacer("NAME", name, "IMAGE", image).Replace(visitor)
	if err := os.WriteFile(pod, []byte(content), 0o600); err != nil {
		l.t.Fatal(err)
	}
	for _, args := range [][]string{
		{"label", "--overwrite", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted"},
		{"create", "-f", pod},
		{"wait", "--for=condition=Ready", "--timeout=2m", "pod/" + name},
	} {
		if output, err := l.kubectl(a, args...); err != nil {
			description, _ := l.kubectl(a, "describe", "pod", name)
			l.t.Fatalf("%v: %s\n%s", args, output, description)
		}
	}
	// The log comes by way of kubelet, and ends when the visit is over.
	output, err := l.kubectl(a, "logs", "--follow", "--limit-bytes=7", name)
	if err != nil || output != "visited" {
		l.t.Errorf("%s: %q, %v", name, output, err)
	}
}

func TestNodeRunsPodsAndLeavesNothing(t *testing.T) {
	needNode(t, testAssets(t))
	const first, second = "docker.io/local/visitor:1", "docker.io/local/visitor:2"
	archive, another := visitorImage(t, first), visitorImage(t, second)
	before := machineNow(t)

	l := startLauncher(t, "--node", "--image", archive)
	a := l.announced()
	if _, err := os.Stat(a.Containerd); err != nil {
		t.Error(err)
	}
	l.expectVisit(a, "first", first)
	if got, want := l.command("load-image "+another), fmt.Sprintf(`{"loaded":[%q]}`, second); got != want {
		t.Fatalf("%s", got)
	}
	if got := l.command("restart-apiserver"); got != `{"restarted":true}` {
		t.Fatal(got)
	}
	l.expectVisit(a, "second", second)

	if err := l.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(); err != nil {
		t.Error(err)
	}
	before.expectUnchanged(t)
	if left := processesOf(l.temp); len(left) > 0 {
		t.Error(left)
	}
	l.expectFolders(0)
}

func TestKilledNodeLeavesNothing(t *testing.T) {
	needNode(t, testAssets(t))
	const image = "docker.io/local/visitor:1"
	archive := visitorImage(t, image)
	before := machineNow(t)

	l := startLauncher(t, "--node", "--image", archive)
	a := l.announced()
	l.expectVisit(a, "visitor", image)
	if err := l.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = l.Wait()
	// What the next launcher does first.
	removeAbandoned(l.temp)
	// The kernel ends the node by itself.
	eventually(t, func() bool {
		_, err := netlink.LinkByName(hostLink)
		return err != nil && len(processesOf(l.temp)) == 0
	})
	before.expectUnchanged(t)
	l.expectFolders(0)
}

// eventually waits for what the kernel does in its own time.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(leaveLimit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("not done in time")
			return
		}
	}
}

func TestStoppedNodeLeavesTheMachineAsItWas(t *testing.T) {
	assets := t.TempDir()
	for _, name := range nodeServers {
		// Only the sandbox's program runs here.
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	needNode(t, assets)
	buildProgram(t, filepath.Join(assets, "pause"), "../pause")
	t.Setenv(launcherVariable, "1")
	before := machineNow(t)

	folder, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(folder.path, assets, func(name string) string { return filepath.Join(folder.path, name+".log") })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = errors.Join(n.isolate(ctx, testPorts), n.writeConfigurations(), n.startContainerd(ctx))
	if err == nil {
		err = n.loadPause(ctx)
	}
	if err != nil {
		log, _ := os.ReadFile(n.log("containerd"))
		t.Errorf("%v\n%s", err, log)
	}
	if len(processesOf(folder.path)) < 2 {
		t.Error("there is no node to stop")
	}
	if err := errors.Join(n.stop(), folder.remove()); err != nil {
		t.Error(err)
	}

	before.expectUnchanged(t)
	if left := processesOf(folder.path); len(left) > 0 {
		t.Error(left)
	}
}
