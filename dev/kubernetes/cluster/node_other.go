//go:build !linux

package main

import (
	"context"
	"errors"
)

// Containers are a matter of Linux: elsewhere there is a cluster without a node.

const nodeInit = "--first-process-of-a-node="

var errNotLinux = errors.New("--node needs Linux")

type namespaces struct{}

func newNamespaces(layout) (*namespaces, error) { return nil, errNotLinux }
func (*namespaces) command(name string, args []string) []string {
	return append([]string{name}, args...)
}
func (*namespaces) pid() int                 { return 0 }
func (*namespaces) end()                     {}
func runNodeInit(layout) int                 { return 1 }
func connectNode(context.Context, int) error { return errNotLinux }
func disconnectNode() error                  { return nil }
func makeCgroups(string) error               { return errNotLinux }
func removeCgroups(string) error             { return nil }
