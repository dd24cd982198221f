package main

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The range lies below the ports that systems hand out to outgoing connections. An API server that is away for a
// while would otherwise lose its port to a client, or a client that retries would end up connected to itself.
const (
	lowestPort  = 20000
	highestPort = 32000
)

func freePorts() (ports, error) {
	var found [3]int
	for i := range found {
		port, listener, err := freePort()
		if err != nil {
			return ports{}, err
		}
		// Open until all are found, so that no port is found twice.
		defer listener.Close()
		found[i] = port
	}
	return ports{etcdClient: found[0], etcdPeer: found[1], apiserver: found[2]}, nil
}

func freePort() (int, net.Listener, error) {
	var err error
	for range 100 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		var listener net.Listener
		if listener, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, listener, nil
		}
	}
	return 0, nil, fmt.Errorf("no free port on 127.0.0.1: %w", err)
}
