//go:build tools

// Package etcd pins the etcd server that the tests run.
// It is a module of its own because etcd and Kubernetes want different versions of shared dependencies.
package etcd

import _ "go.etcd.io/etcd/server/v3"
