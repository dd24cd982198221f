package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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
	// Containerd is the socket of the node's containerd.
	Containerd string `json:"containerd,omitempty"`
}

// serve follows the commands of standard input until it ends, which it does when the parent is killed as well.
func serve(ctx context.Context, c *cluster, input io.Reader, output, complaints io.Writer) int {
	replies := json.NewEncoder(output)
	_ = replies.Encode(c.announcement())
	lines := readLines(input)
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-c.etcd.ended():
			return c.reportDeath(c.etcd, complaints)
		case <-c.apiserver.ended():
			return c.reportDeath(c.apiserver, complaints)
		case died := <-c.node.ended():
			return c.reportDeath(died, complaints)
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
			case reply == nil:
				fmt.Fprintf(complaints, "cluster: unknown command %q\n", line)
			default:
				_ = replies.Encode(reply)
			}
		}
	}
}

func (c *cluster) announcement() announcement {
	a := announcement{
		Kubeconfig:   c.kubeconfig,
		Server:       c.server(),
		Assets:       c.assets,
		APIServerPID: c.apiserver.cmd.Process.Pid,
		EtcdPID:      c.etcd.cmd.Process.Pid,
	}
	if c.node != nil {
		a.Containerd = c.node.layout.containerdSocket()
	}
	return a
}

// reply is what confirms a command: the word for what was done, and its outcome.
type reply map[string]any

// obey carries out one command and returns its confirmation, or none for a command that is unknown.
func (c *cluster) obey(ctx context.Context, line string) (reply, error) {
	command, argument, _ := strings.Cut(line, " ")
	switch command {
	case "restart-apiserver":
		c.stopAPIServer()
		return reply{"restarted": true}, c.startAPIServer(ctx)
	case "stop-apiserver":
		c.stopAPIServer()
		return reply{"stopped": true}, nil
	case "start-apiserver":
		return reply{"started": true}, c.startAPIServer(ctx)
	case "load-image":
		if c.node == nil {
			return nil, errors.New("there is no node: start the launcher with --node")
		}
		names, err := c.node.load(ctx, strings.TrimSpace(argument))
		return reply{"loaded": names}, err
	default:
		return nil, nil
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
