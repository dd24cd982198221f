package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// process is a child that is waited for from the moment it runs.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// starts feeds the one thread that starts children. Linux sends the parent-death signal when the thread that
// started the child ends, not the process; this thread lives as long as the launcher.
var starts = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
}

func startProcess(name string, cmd *exec.Cmd) (*process, error) {
	result := make(chan error, 1)
	starts <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// startServer starts a child that is to see neither the caller's environment nor the terminal's signals.
func startServer(name, executable string, args []string, log string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(executable, args...)
	// etcd takes settings from ETCD_*, the API server from KUBE_*: the outcome must not depend on the caller's.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = serverAttributes()
	return startProcess(name, cmd)
}

// kill ends the child and returns when it is gone. The API server lingers for a minute on a polite request.
func (p *process) kill() {
	if p == nil {
		return
	}
	// The only possible failure is that it ended by itself.
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ended is the channel that closes with the process; one that was never started has none that closes.
func (p *process) ended() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.done
}

// exited describes how an ended process ended.
func (p *process) exited() error {
	<-p.done
	return fmt.Errorf("%s %w by itself (%s)", p.name, errEnded, p.cmd.ProcessState)
}
