package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// The codes with which a shell says that a command did not run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128
)

// runCommand runs the command beside the cluster and returns its exit code.
func runCommand(ctx context.Context, c *cluster, command []string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, endSignals...)
	if ctx.Err() != nil {
		return exitSignal + int(syscall.SIGINT)
	}

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), c.environment()...)
	cmd.SysProcAttr = commandAttributes()
	p, err := startProcess(command[0], cmd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNotFound
		}
		return exitNotExecutable
	}

	etcdEnded, apiserverEnded := c.etcd.ended(), c.apiserver.ended()
	asked := false
	for {
		select {
		case <-p.done:
			return exitCode(cmd.ProcessState)
		case <-etcdEnded:
			etcdEnded = nil
			c.reportDeath(c.etcd, os.Stderr)
		case <-apiserverEnded:
			apiserverEnded = nil
			c.reportDeath(c.apiserver, os.Stderr)
		case died := <-c.node.ended():
			c.reportDeath(died, os.Stderr)
		case s := <-signals:
			// The command ends in its own way when asked once; who asks twice does not want to wait for that.
			if asked {
				p.kill()
				continue
			}
			asked = true
			_ = cmd.Process.Signal(s)
		}
	}
}

// environment tells the command where everything is.
func (c *cluster) environment() []string {
	variables := []string{"DATAWORKS_TEST_KUBECONFIG=" + c.kubeconfig, "DATAWORKS_TEST_ASSETS=" + c.assets}
	if c.node != nil {
		variables = append(variables, "DATAWORKS_TEST_CONTAINERD="+c.node.layout.containerdSocket())
	}
	return variables
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return state.ExitCode()
}
