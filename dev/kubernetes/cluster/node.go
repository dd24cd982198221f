package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// node is a Kubernetes node in namespaces of its own, with the controllers that only make sense beside one.
type node struct {
	layout     layout
	assets     string
	log        func(server string) string
	namespaces *namespaces
	relay      *relay
	processes  []*process
	// died gets each process that ends, the ones that are ended on purpose as well.
	died chan *process
}

// nodeLogs are the names under which the processes of a node log.
var nodeLogs = []string{"containerd", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "dns"}

func newNode(folder, assets string, log func(string) string) *node {
	return &node{layout: layout{folder}, assets: assets, log: log, died: make(chan *process, len(nodeLogs))}
}

// start returns when the node takes pods, and has the images.
func (n *node) start(ctx context.Context, c *cluster, images []string) error {
	if err := n.isolate(ctx, c.ports); err != nil {
		return err
	}
	if err := n.writeConfigurations(); err != nil {
		return err
	}
	if err := c.credentials.writeNodeClients(n.layout, c.ports); err != nil {
		return err
	}
	if err := n.startContainerd(ctx); err != nil {
		return err
	}
	if err := n.loadPause(ctx); err != nil {
		return err
	}
	for _, image := range images {
		if _, err := n.load(ctx, image); err != nil {
			return err
		}
	}
	if err := n.startServers(); err != nil {
		return err
	}
	return waitNode(ctx, c.client, c.server(), slices.Concat(n.processes, []*process{c.etcd, c.apiserver})...)
}

// isolate makes what the node's processes live in.
func (n *node) isolate(ctx context.Context, p ports) (err error) {
	if err = makeCgroups(n.layout.cgroup()); err != nil {
		return err
	}
	if n.namespaces, err = newNamespaces(n.layout); err != nil {
		return err
	}
	if err = connectNode(ctx, n.namespaces.pid()); err != nil {
		return err
	}
	n.relay, err = startRelay(relayAddress(p), fmt.Sprintf("127.0.0.1:%d", p.apiserver))
	return err
}

func (n *node) writeConfigurations() error {
	// Looked up here, because containerd is not to depend on its PATH.
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	for _, folder := range []string{n.layout.networkConfig(), n.layout.podLogs()} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	for path, content := range map[string]string{
		n.layout.containerdConfig():                              containerdConfiguration(n.layout, runc),
		n.layout.kubeletConfig():                                 kubeletConfiguration(n.layout),
		filepath.Join(n.layout.networkConfig(), "node.conflist"): networkConfiguration(n.layout),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) startContainerd(ctx context.Context) error {
	executable, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	if err := n.startInside("containerd", executable, []string{"--config", n.layout.containerdConfig()}); err != nil {
		return err
	}
	return poll(ctx, n.processes, func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "unix", n.layout.containerdSocket())
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

func (n *node) loadPause(ctx context.Context) error {
	archive := n.layout.file("pause.tar")
	if err := writeImage(archive, pauseName, filepath.Join(n.assets, "pause")); err != nil {
		return err
	}
	_, err := n.load(ctx, archive)
	return err
}

// load imports the images of an archive and returns their names.
func (n *node) load(ctx context.Context, archive string) ([]string, error) {
	return loadImages(ctx, n.layout.containerdSocket(), archive)
}

func (n *node) startServers() error {
	l := n.layout
	for name, args := range map[string][]string{
		"kube-controller-manager": controllerManagerArguments(l),
		"kube-scheduler":          schedulerArguments(l),
	} {
		p, err := startServer(name, filepath.Join(n.assets, name), args, n.log(name))
		if err != nil {
			return err
		}
		n.keep(p)
	}
	for name, args := range map[string][]string{
		"kubelet":    kubeletArguments(l),
		"kube-proxy": proxyArguments(l),
		"dns":        dnsArguments(l),
	} {
		if err := n.startInside(name, filepath.Join(n.assets, name), args); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) startInside(name, executable string, args []string) error {
	command := n.namespaces.command(executable, args)
	enter, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	p, err := startServer(name, enter, command[1:], n.log(name))
	if err != nil {
		return err
	}
	n.keep(p)
	return nil
}

func (n *node) keep(p *process) {
	n.processes = append(n.processes, p)
	go func() {
		<-p.done
		n.died <- p
	}()
}

// ended tells of the processes of a node that end; without a node, nothing does.
func (n *node) ended() <-chan *process {
	if n == nil {
		return nil
	}
	return n.died
}

// stop leaves nothing of the node but its files.
func (n *node) stop() error {
	if n == nil {
		return nil
	}
	n.relay.close()
	for _, p := range n.processes {
		p.kill()
	}
	if n.namespaces == nil {
		return removeCgroups(n.layout.cgroup())
	}
	n.namespaces.end()
	return errors.Join(disconnectNode(), removeCgroups(n.layout.cgroup()))
}
