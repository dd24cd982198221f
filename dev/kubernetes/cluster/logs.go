package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const shownLines = 20

var servers = []string{"etcd", "kube-apiserver"}

// servers are all whose logs this cluster keeps.
func (c *cluster) servers() []string {
	if c.node == nil {
		return servers
	}
	return append(slices.Clone(servers), nodeLogs...)
}

func (c *cluster) log(server string) string {
	return filepath.Join(c.logs, server+".log")
}

// prepareLogs empties the logs of an earlier cluster: the ones of this cluster's restarts are appended.
func (c *cluster) prepareLogs() error {
	if c.logs == "" {
		c.logs = c.folder.path
	}
	if err := os.MkdirAll(c.logs, 0o755); err != nil {
		return err
	}
	for _, server := range c.servers() {
		if err := os.WriteFile(c.log(server), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) showLogs(output io.Writer) {
	for _, server := range c.servers() {
		content, err := os.ReadFile(c.log(server))
		if err != nil {
			continue
		}
		fmt.Fprintf(output, "--- the last lines of %s.log\n%s", server, lastLines(content, shownLines))
	}
}

// lastLines returns up to count lines from the end, each with its line end.
func lastLines(content []byte, count int) []byte {
	content = bytes.TrimRight(content, "\n")
	if len(content) == 0 {
		return nil
	}
	lines := bytes.Split(content, []byte("\n"))
	lines = lines[max(0, len(lines)-count):]
	return append(bytes.Join(lines, []byte("\n")), '\n')
}
