package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// namespaces are those of a node: processes, mounts, network, IPC and host name of its own. They live as long as their
// first process, which dies with the launcher; with them go every process, mount, interface and packet filter of the
// node, however the launcher ended.
type namespaces struct {
	first *process
}

// nodeInit is the hidden argument with which the launcher starts itself as the first process of a node.
const nodeInit = "--first-process-of-a-node="

const namespaceFlags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS

// newNamespaces returns when the mounts are in place.
func newNamespaces(l layout) (*namespaces, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ready, readyWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	cmd := exec.Command(executable, nodeInit+l.folder)
	cmd.Stdout = readyWriter
	cmd.SysProcAttr = serverAttributes()
	cmd.SysProcAttr.Cloneflags = namespaceFlags
	first, err := startProcess("the node's first process", cmd)
	readyWriter.Close()
	if err != nil {
		return nil, err
	}
	answer, err := bufio.NewReader(ready).ReadString('\n')
	if answer != "ready\n" {
		first.kill()
		return nil, errors.Join(fmt.Errorf("the node's namespaces: %s", strings.TrimSpace(answer)), ignoreEnd(err))
	}
	return &namespaces{first: first}, nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// command is a command line that runs in the namespaces. What it starts ends with them at the latest.
func (n *namespaces) command(executable string, args []string) []string {
	enter := []string{
		"nsenter", "--target", strconv.Itoa(n.pid()), "--mount", "--net", "--ipc", "--uts", "--pid", "--", executable,
	}
	return append(enter, args...)
}

func (n *namespaces) pid() int {
	return n.first.cmd.Process.Pid
}

// end returns when no process of the node is left: the kernel reaps the first one last.
func (n *namespaces) end() {
	if n != nil {
		n.first.kill()
	}
}

// runNodeInit is the first process of a node: it prepares the mounts, says so, and adopts orphans.
func runNodeInit(l layout) int {
	// Asked for before the first child can end.
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	if err := prepareMounts(l); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	for range children {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 && !errors.Is(err, syscall.EINTR) {
				break
			}
		}
	}
	return 0
}

// tunables are the settings of the machine's kernel that kubelet changes. It is shown what it wants to see.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// hiddenFolders are written to at fixed paths by containerd, its shims, CNI plugins, iptables and kubelet. The node has
// its own in memory.
var hiddenFolders = []string{"/run", "/var/log"}

func prepareMounts(l layout) error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		// Nothing comes back to the machine; below the root, mounts are shared as kubelet wants them.
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE, ""},
		{"", "/", "", syscall.MS_REC | syscall.MS_SHARED, ""},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC, ""},
		{"node", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=755"},
		{"node", "/var/log", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=755"},
		// Kubelet and CNI write below fixed folders of it, which the machine need not have.
		{"node", "/var/lib", "overlay", 0, fmt.Sprintf("lowerdir=/var/lib,upperdir=%s,workdir=%s",
			l.file("var-lib"), l.file("var-lib-work"))},
	}
	for _, folder := range []string{"var-lib", "var-lib-work"} {
		if err := os.MkdirAll(l.file(folder), 0o755); err != nil {
			return err
		}
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.Mkdir(shortFolder, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(l.folder, shortFolder, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", shortFolder, err)
	}
	if err := hideTunables(); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(nodeName)); err != nil {
		return err
	}
	// Of the node's network, not of the machine's.
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

func hideTunables() error {
	shown := "/run/tunables"
	if err := os.Mkdir(shown, 0o755); err != nil {
		return err
	}
	for name, value := range tunables {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
			continue
		}
		source := filepath.Join(shown, filepath.Base(name))
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
	}
	return nil
}
