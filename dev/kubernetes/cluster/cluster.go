package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// startAttempts counts the tries to start with fresh ports: another program can take a port between its choice
// and its use.
const startAttempts = 3

// cluster is an etcd and an API server with the files that they need.
type cluster struct {
	folder      *folder
	assets      string
	logs        string
	kubeconfig  string
	credentials credentials
	client      *http.Client
	ports       ports

	etcd *process
	// apiserver is nil while it is stopped on request.
	apiserver *process
	// node is nil when none was asked for.
	node *node
}

// startCluster returns a cluster that is ready, or leaves nothing behind.
func startCluster(ctx context.Context, opts options, output io.Writer) (*cluster, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	assets, err := findAssets(opts.assets, os.Getenv("KUBEBUILDER_ASSETS"), executable)
	if err != nil {
		return nil, err
	}
	if opts.node {
		if err := checkNode(assets, os.TempDir()); err != nil {
			return nil, err
		}
	}
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	c := &cluster{folder: folder, assets: assets, logs: opts.logs}
	if opts.node {
		c.node = newNode(folder.path, assets, c.log)
	}
	if err := c.start(ctx, opts, output); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) start(ctx context.Context, opts options, output io.Writer) error {
	creds, err := newCredentials(time.Now())
	if err != nil {
		return err
	}
	c.credentials = creds
	if err := creds.write(c.folder.path); err != nil {
		return err
	}
	if c.node != nil {
		if err := creds.writeKubeletClient(c.node.layout); err != nil {
			return err
		}
	}
	if c.client, err = newClient(creds.authority, creds.admin); err != nil {
		return err
	}
	if err := c.prepareLogs(); err != nil {
		return err
	}
	if err := c.startWithRetries(ctx, output); err != nil {
		return err
	}
	if c.node != nil {
		if err := c.node.start(ctx, c, opts.images); err != nil {
			if ctx.Err() == nil {
				c.showLogs(output)
			}
			return fmt.Errorf("node: %w", err)
		}
	}
	rendered := renderKubeconfig(c.server(), creds.authority, creds.admin)
	c.kubeconfig = filepath.Join(c.folder.path, "kubeconfig")
	if err := writePrivate(c.kubeconfig, rendered); err != nil {
		return err
	}
	if opts.kubeconfig == "" {
		return nil
	}
	return writePrivate(opts.kubeconfig, rendered)
}

func (c *cluster) startWithRetries(ctx context.Context, output io.Writer) error {
	for attempt := 1; ; attempt++ {
		err := c.startServers(ctx)
		if err == nil {
			return nil
		}
		c.kill()
		if attempt == startAttempts || !errors.Is(err, errEnded) || ctx.Err() != nil {
			if ctx.Err() == nil {
				c.showLogs(output)
			}
			return err
		}
		fmt.Fprintf(output, "cluster: %v; trying other ports\n", err)
	}
}

func (c *cluster) startServers(ctx context.Context) (err error) {
	if c.ports, err = freePorts(); err != nil {
		return err
	}
	data := filepath.Join(c.folder.path, "etcd")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	// Both at once: the API server has much to do before it asks etcd for anything.
	c.etcd, err = startServer("etcd", filepath.Join(c.assets, "etcd"), etcdArguments(data, c.ports), c.log("etcd"))
	if err != nil {
		return err
	}
	return c.startAPIServerOnce(ctx)
}

// startAPIServer starts it on the port it had. Whatever else has come to use the port is given time to let go.
func (c *cluster) startAPIServer(ctx context.Context) error {
	if c.apiserver != nil && firstEnded([]*process{c.apiserver}) == nil {
		return nil
	}
	for attempt := 1; ; attempt++ {
		err := c.startAPIServerOnce(ctx)
		if err == nil {
			return nil
		}
		c.stopAPIServer()
		if attempt == startAttempts || !errors.Is(err, errEnded) || ctx.Err() != nil {
			return err
		}
	}
}

func (c *cluster) startAPIServerOnce(ctx context.Context) (err error) {
	c.apiserver, err = startServer("kube-apiserver", filepath.Join(c.assets, "kube-apiserver"),
		c.apiserverArguments(), c.log("kube-apiserver"))
	if err != nil {
		return err
	}
	return waitReady(ctx, c.client, c.server(), c.etcd, c.apiserver)
}

func (c *cluster) apiserverArguments() []string {
	args := apiserverArguments(c.folder.path, c.ports)
	if c.node != nil {
		return append(args, nodeAPIServerArguments(c.node.layout)...)
	}
	return append(args, bareAPIServerArguments()...)
}

func (c *cluster) stopAPIServer() {
	c.apiserver.kill()
	c.apiserver = nil
}

func (c *cluster) server() string {
	return loopback("https", c.ports.apiserver)
}

func (c *cluster) kill() {
	c.stopAPIServer()
	c.etcd.kill()
	c.etcd = nil
}

func (c *cluster) stop() error {
	err := c.node.stop()
	c.kill()
	return errors.Join(err, c.folder.remove())
}
