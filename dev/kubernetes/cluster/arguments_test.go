package main

import (
	"slices"
	"strings"
	"testing"
)

var testPorts = ports{etcdClient: 20001, etcdPeer: 20002, apiserver: 20003}

func TestEtcdListensOnLoopbackOnly(t *testing.T) {
	args := etcdArguments("/data", testPorts)
	for _, want := range []string{
		"--data-dir=/data", "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:20001", "--listen-peer-urls=http://127.0.0.1:20002",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%s is not among %v", want, args)
		}
	}
	for _, arg := range args {
		if strings.Contains(arg, "://") && !strings.Contains(arg, "://127.0.0.1:") {
			t.Errorf("%s leaves the machine", arg)
		}
	}
}

func TestAPIServerArguments(t *testing.T) {
	args := apiserverArguments("/files", testPorts)
	for _, want := range []string{
		"--etcd-servers=http://127.0.0.1:20001", "--bind-address=127.0.0.1", "--secure-port=20003",
		"--client-ca-file=/files/ca.crt", "--service-account-signing-key-file=/files/service-account.key",
		"--authorization-mode=RBAC", "--service-cluster-ip-range=198.19.0.0/24",
		"--disable-admission-plugins=ServiceAccount",
	} {
		if !slices.Contains(args, want) {
			t.Errorf("%s is not among %v", want, args)
		}
	}
}
