package main

import "path/filepath"

// Addresses of the node's own network. All of 198.18.0.0/15 is set aside for tests (RFC 2544): no real network has it.
const (
	podRange = "198.18.0.0/24"
	// hostAddress and nodeAddress are the two ends of the link between the machine and the node.
	hostAddress   = "198.18.1.1"
	nodeAddress   = "198.18.1.2"
	linkPrefix    = 30
	clusterDomain = "cluster.local"
)

const (
	nodeName  = "node"
	pauseName = "docker.io/local/pause:node"
	// shortFolder is where the node sees the folder of the cluster as well. Kubelet makes sockets deep below its root,
	// and a socket's path may have 107 bytes.
	shortFolder = "/run/node"
	kubeletRoot = shortFolder + "/kubelet"
)

// layout says where the files of a node are. All are in the folder of the cluster.
type layout struct {
	folder string
}

func (l layout) file(name string) string { return filepath.Join(l.folder, name) }

func (l layout) containerdSocket() string { return l.file("containerd.sock") }
func (l layout) containerdConfig() string { return l.file("containerd.toml") }
func (l layout) containerdRoot() string   { return l.file("containerd") }
func (l layout) networkConfig() string    { return l.file("cni") }
func (l layout) leases() string           { return l.file("cni-leases") }
func (l layout) kubeletConfig() string    { return l.file("kubelet.yaml") }
func (l layout) podLogs() string          { return l.file("pods") }

// kubeconfigOf is the file with which a program of the node or of the control plane reaches the API server.
func (l layout) kubeconfigOf(name string) string { return l.file(name + ".kubeconfig") }

// cgroup is the name of the cgroup, at the top of every hierarchy, that holds the pods.
func (l layout) cgroup() string { return filepath.Base(l.folder) }
