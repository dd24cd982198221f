package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests run the launcher as a process of its own: the test program takes its part when asked by this variable.
const launcherVariable = "DATAWORKS_CLUSTER_LAUNCHER"

func TestMain(m *testing.M) {
	if os.Getenv(launcherVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// testAssets finds the binaries where build.sh puts them, and skips the test when they have not been built.
func testAssets(t *testing.T) string {
	t.Helper()
	base := os.Getenv("DATAWORKS_DEV_CACHE")
	if base == "" {
		base = filepath.Join("..", "..", "..", ".cache")
	}
	built, _ := filepath.Glob(filepath.Join(base, "kubernetes", "v*"))
	for _, folder := range append([]string{os.Getenv("KUBEBUILDER_ASSETS")}, built...) {
		if missingIn(folder, "etcd", "kube-apiserver", "kubectl") == "" {
			return folder
		}
	}
	t.Skip("no etcd, kube-apiserver and kubectl: dev/kubernetes/build.sh builds them")
	return ""
}

type launcher struct {
	*exec.Cmd
	t       *testing.T
	temp    string
	input   io.WriteCloser
	replies *bufio.Scanner
}

func startLauncher(t *testing.T, args ...string) *launcher {
	t.Helper()
	l := &launcher{t: t, temp: t.TempDir()}
	l.Cmd = exec.Command(os.Args[0], append([]string{"--assets", testAssets(t)}, args...)...)
	l.Env = append(os.Environ(), launcherVariable+"=1", "TMPDIR="+l.temp)
	l.Stderr = os.Stderr
	var err error
	if l.input, err = l.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := l.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.replies = bufio.NewScanner(output)
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Process.Kill() })
	return l
}

func (l *launcher) reply() string {
	l.t.Helper()
	if !l.replies.Scan() {
		l.t.Fatalf("no reply: %v", l.replies.Err())
	}
	return l.replies.Text()
}

func (l *launcher) command(command string) string {
	l.t.Helper()
	if _, err := io.WriteString(l.input, command+"\n"); err != nil {
		l.t.Fatal(err)
	}
	return l.reply()
}

func (l *launcher) announced() announcement {
	l.t.Helper()
	var a announcement
	if err := json.Unmarshal([]byte(l.reply()), &a); err != nil {
		l.t.Fatal(err)
	}
	return a
}

func (l *launcher) kubectl(a announcement, args ...string) (string, error) {
	output, err := exec.Command(filepath.Join(a.Assets, "kubectl"),
		append([]string{"--kubeconfig", a.Kubeconfig}, args...)...).CombinedOutput()
	return string(output), err
}

func (l *launcher) expectGone(a announcement) {
	l.t.Helper()
	for _, pid := range []int{a.APIServerPID, a.EtcdPID} {
		deadline := time.Now().Add(10 * time.Second)
		for syscall.Kill(pid, 0) == nil {
			if time.Now().After(deadline) {
				l.t.Errorf("process %d is still there", pid)
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (l *launcher) expectFolders(count int) {
	l.t.Helper()
	if left, _ := filepath.Glob(filepath.Join(l.temp, folderPrefix+"*")); len(left) != count {
		l.t.Errorf("folders: %v", left)
	}
}

func TestDataOutlivesTheAPIServer(t *testing.T) {
	l := startLauncher(t)
	a := l.announced()
	if output, err := l.kubectl(a, "create", "configmap", "kept", "--from-literal=key=value"); err != nil {
		t.Fatal(output)
	}
	if got := l.command("restart-apiserver"); got != `{"restarted":true}` {
		t.Fatal(got)
	}
	if got := l.command("stop-apiserver"); got != `{"stopped":true}` {
		t.Fatal(got)
	}
	if output, err := l.kubectl(a, "get", "--raw", "/readyz"); err == nil {
		t.Errorf("the stopped API server answers %s", output)
	}
	if got := l.command("start-apiserver"); got != `{"started":true}` {
		t.Fatal(got)
	}
	if output, err := l.kubectl(a, "get", "configmap", "kept", "-o", "jsonpath={.data.key}"); output != "value" {
		t.Errorf("%s %v", output, err)
	}

	l.input.Close()
	if err := l.Wait(); err != nil {
		t.Error(err)
	}
	l.expectGone(a)
	l.expectFolders(0)
}

func TestCommandGetsTheClusterAndGivesItsExitCode(t *testing.T) {
	l := startLauncher(t, "--", "sh", "-c",
		`"$DATAWORKS_TEST_ASSETS/kubectl" --kubeconfig "$DATAWORKS_TEST_KUBECONFIG" get --raw /readyz; echo; exit 7`)
	if got := l.reply(); got != "ok" {
		t.Error(got)
	}
	_ = l.Wait()
	if code := l.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	l.expectFolders(0)
}

func TestFailedStartShowsTheLogs(t *testing.T) {
	temp, assets := t.TempDir(), t.TempDir()
	for _, name := range servers {
		script := "#!/bin/sh\necho " + name + " has no idea\nexit 1\n"
		if err := os.WriteFile(filepath.Join(assets, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "--assets", assets)
	cmd.Env = append(os.Environ(), launcherVariable+"=1", "TMPDIR="+temp)
	output, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	if !strings.Contains(string(output), "has no idea") || strings.Count(string(output), "trying other ports") != 2 {
		t.Errorf("%s", output)
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("%v", left)
	}
}
