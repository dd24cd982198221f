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
	common := []string{
		"--etcd-servers=http://127.0.0.1:20001", "--bind-address=127.0.0.1", "--secure-port=20003",
		"--client-ca-file=/files/ca.crt", "--service-account-signing-key-file=/files/service-account.key",
		"--service-cluster-ip-range=198.19.0.0/24",
	}
	for _, test := range []struct {
		name       string
		added      []string
		want       []string
		admission  string
		advertised string
	}{
		{
			"bare", bareAPIServerArguments(),
			[]string{"--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"},
			"--enable-admission-plugins", "127.0.0.1",
		},
		{
			"with a node", nodeAPIServerArguments(layout{"/files"}),
			[]string{
				"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
				"--kubelet-client-certificate=/files/kubelet-client.crt", "--kubelet-client-key=/files/kubelet-client.key",
			},
			"--disable-admission-plugins", "198.18.1.1",
		},
	} {
		args := append(apiserverArguments("/files", testPorts), test.added...)
		for _, want := range append(append(test.want, common...), "--advertise-address="+test.advertised) {
			if !slices.Contains(args, want) {
				t.Errorf("%s: %s is not among %v", test.name, want, args)
			}
		}
		flags := map[string]bool{}
		for _, arg := range args {
			name, _, _ := strings.Cut(arg, "=")
			if flags[name] || name == test.admission {
				t.Errorf("%s: %s", test.name, arg)
			}
			flags[name] = true
		}
	}
}
