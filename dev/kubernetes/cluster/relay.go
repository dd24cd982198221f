package main

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// relay makes the API server, which listens on loopback only, reachable at the machine's end of the link to the node.
type relay struct {
	listener net.Listener
	target   string
}

func relayURL(p ports) string {
	return "https://" + relayAddress(p)
}

func relayAddress(p ports) string {
	return fmt.Sprintf("%s:%d", hostAddress, p.apiserver)
}

// startRelay forwards each connection by itself, so that it outlives restarts of the target.
func startRelay(address, target string) (*relay, error) {
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, target: target}
	go r.accept()
	return r, nil
}

func (r *relay) accept() {
	for {
		connection, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.forward(connection.(*net.TCPConn))
	}
}

func (r *relay) forward(near *net.TCPConn) {
	defer near.Close()
	connection, err := net.Dial("tcp4", r.target)
	if err != nil {
		return
	}
	far := connection.(*net.TCPConn)
	defer far.Close()
	var directions sync.WaitGroup
	for _, d := range [][2]*net.TCPConn{{near, far}, {far, near}} {
		directions.Go(func() {
			// The end of one direction is passed on; the other may go on.
			_, _ = io.Copy(d[0], d[1])
			_ = d[0].CloseWrite()
		})
	}
	directions.Wait()
}

// close ends the relay; connections end with their peers.
func (r *relay) close() {
	if r != nil {
		_ = r.listener.Close()
	}
}
