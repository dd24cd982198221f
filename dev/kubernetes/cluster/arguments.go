package main

import (
	"fmt"
	"path/filepath"
)

// ports are the loopback ports of one cluster.
type ports struct {
	etcdClient, etcdPeer, apiserver int
}

func loopback(scheme string, port int) string {
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
}

func etcdArguments(folder string, p ports) []string {
	client, peer := loopback("http", p.etcdClient), loopback("http", p.etcdPeer)
	return []string{
		"--name=test",
		"--data-dir=" + folder,
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=test=" + peer,
		// The data lives no longer than the process, so nothing is gained by waiting for the disk.
		"--unsafe-no-fsync",
		// A single member elects itself, and waits for this long before it does.
		"--heartbeat-interval=10",
		"--election-timeout=100",
	}
}

// apiserverArguments are those that do not depend on what else the cluster has.
func apiserverArguments(folder string, p ports) []string {
	file := func(name string) string { return filepath.Join(folder, name) }
	return []string{
		"--etcd-servers=" + loopback("http", p.etcdClient),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", p.apiserver),
		"--cert-dir=" + folder,
		"--tls-cert-file=" + file(servingCertificateFile),
		"--tls-private-key-file=" + file(servingKeyFile),
		"--client-ca-file=" + file(authorityFile),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-signing-key-file=" + file(serviceAccountKeyFile),
		"--service-account-key-file=" + file(serviceAccountPublicKeyFile),
		"--service-cluster-ip-range=" + serviceRange,
		"--allow-privileged=true",
		"--profiling=false",
	}
}

// bareAPIServerArguments are those of an API server that has nothing beside it.
func bareAPIServerArguments() []string {
	return []string{
		// Without it the address of the default route is looked up, which a machine without network lacks.
		"--advertise-address=127.0.0.1",
		// The endpoints of the service "kubernetes" may not be loopback addresses.
		"--endpoint-reconciler-type=none",
		"--authorization-mode=RBAC",
		// No controller makes the service account "default" that this plugin asks for with every pod.
		"--disable-admission-plugins=ServiceAccount",
	}
}
