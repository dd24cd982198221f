package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// announcement is the line that tells a parent where everything is.
type announcement struct {
	Kubeconfig   string `json:"kubeconfig"`
	Server       string `json:"server"`
	Assets       string `json:"assets"`
	APIServerPID int    `json:"apiserverPid"`
	EtcdPID      int    `json:"etcdPid"`
}

// serve follows the commands of standard input until it ends, which it does when the parent is killed as well.
func serve(ctx context.Context, c *cluster, input io.Reader, output, complaints io.Writer) int {
	replies := json.NewEncoder(output)
	_ = replies.Encode(announcement{
		Kubeconfig:   c.kubeconfig,
		Server:       c.server(),
		Assets:       c.assets,
		APIServerPID: c.apiserver.cmd.Process.Pid,
		EtcdPID:      c.etcd.cmd.Process.Pid,
	})
	lines := readLines(input)
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-c.etcd.ended():
			return c.reportDeath(c.etcd, complaints)
		case <-c.apiserver.ended():
			return c.reportDeath(c.apiserver, complaints)
		case line, open := <-lines:
			if !open {
				return 0
			}
			reply, err := c.obey(ctx, line)
			switch {
			case err != nil && ctx.Err() != nil:
				return 0
			case err != nil:
				fmt.Fprintf(complaints, "cluster: %s: %v\n", line, err)
				_ = replies.Encode(map[string]string{"error": err.Error()})
			case reply == "":
				fmt.Fprintf(complaints, "cluster: unknown command %q\n", line)
			default:
				_ = replies.Encode(map[string]bool{reply: true})
			}
		}
	}
}

// obey carries out one command and returns the word that confirms it, or none for a command that is unknown.
func (c *cluster) obey(ctx context.Context, command string) (string, error) {
	switch command {
	case "restart-apiserver":
		c.stopAPIServer()
		return "restarted", c.startAPIServer(ctx)
	case "stop-apiserver":
		c.stopAPIServer()
		return "stopped", nil
	case "start-apiserver":
		return "started", c.startAPIServer(ctx)
	default:
		return "", nil
	}
}

func (c *cluster) reportDeath(p *process, output io.Writer) int {
	c.showLogs(output)
	fmt.Fprintln(output, "cluster:", p.exited())
	return 1
}

func readLines(input io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(input)
		for scanner.Scan() {
			if line := strings.TrimSpace(scanner.Text()); line != "" {
				lines <- line
			}
		}
	}()
	return lines
}
