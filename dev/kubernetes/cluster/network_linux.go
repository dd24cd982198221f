package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// The link is named after what it is, not after its cluster: its addresses allow one at a time.
const (
	hostLink = "dataworks-node"
	nodeLink = "eth0"
	// leaveLimit is how long the kernel may take to remove the link of a node that was killed.
	leaveLimit = 10 * time.Second
)

// connectNode links the machine with the network of the node's first process, and gives the machine routes to its pods
// and Services. Nothing of this outlives the node's network.
func connectNode(ctx context.Context, pid int) error {
	if err := addLink(ctx, pid); err != nil {
		return fmt.Errorf("link %s: %w", hostLink, err)
	}
	namespace, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer namespace.Close()
	node, err := netlink.NewHandleAt(namespace)
	if err != nil {
		return err
	}
	defer node.Close()
	machine, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer machine.Close()

	if err := raise(node, "lo", ""); err != nil {
		return err
	}
	if err := raise(node, nodeLink, nodeAddress); err != nil {
		return err
	}
	if err := raise(machine, hostLink, hostAddress); err != nil {
		return err
	}
	for _, r := range []struct {
		handle *netlink.Handle
		link   string
		subnet string
		route  netlink.Route
	}{
		{machine, hostLink, podRange, netlink.Route{Gw: net.ParseIP(nodeAddress)}},
		{machine, hostLink, serviceRange, netlink.Route{Gw: net.ParseIP(nodeAddress)}},
		// kube-proxy sees only packets that have a route. Those that it leaves alone end here.
		{node, "lo", serviceRange, netlink.Route{Src: net.ParseIP(nodeAddress)}},
	} {
		if err := addRoute(r.handle, r.link, r.subnet, r.route); err != nil {
			return fmt.Errorf("route to %s through %s: %w", r.subnet, r.link, err)
		}
	}
	return nil
}

func addLink(ctx context.Context, pid int) error {
	link := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: hostLink},
		PeerName:      nodeLink,
		PeerNamespace: netlink.NsPid(pid),
	}
	ctx, cancel := context.WithTimeoutCause(ctx, leaveLimit,
		errors.New("another node is running on this machine: there can be one at a time"))
	defer cancel()
	for {
		err := netlink.LinkAdd(link)
		if !errors.Is(err, syscall.EEXIST) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func raise(handle *netlink.Handle, name, address string) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if address != "" {
		subnet := &net.IPNet{IP: net.ParseIP(address), Mask: net.CIDRMask(linkPrefix, 32)}
		if err := handle.AddrAdd(link, &netlink.Addr{IPNet: subnet}); err != nil {
			return fmt.Errorf("%s on %s: %w", address, name, err)
		}
	}
	if err := handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func addRoute(handle *netlink.Handle, name, subnet string, route netlink.Route) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return err
	}
	route.LinkIndex = link.Attrs().Index
	if _, route.Dst, err = net.ParseCIDR(subnet); err != nil {
		return err
	}
	return handle.RouteAdd(&route)
}

// disconnectNode removes the link at once; the kernel would do so some time after the node's network has ended.
func disconnectNode() error {
	link, err := netlink.LinkByName(hostLink)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("link %s: %w", hostLink, err)
	}
	return nil
}
