package main

func kubeletArguments(l layout) []string {
	return []string{
		"--config=" + l.kubeletConfig(),
		"--kubeconfig=" + l.kubeconfigOf("kubelet"),
		"--root-dir=" + kubeletRoot,
		"--cert-dir=" + l.file("kubelet-pki"),
		"--hostname-override=" + nodeName,
		"--node-ip=" + nodeAddress,
	}
}

func proxyArguments(l layout) []string {
	return []string{
		"--kubeconfig=" + l.kubeconfigOf("kube-proxy"),
		"--proxy-mode=iptables",
		"--hostname-override=" + nodeName,
		"--bind-address=127.0.0.1",
		"--cluster-cidr=" + podRange,
		// These are limits of the whole machine, which a node leaves as they are.
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
		"--oom-score-adj=0",
	}
}

func dnsArguments(l layout) []string {
	return []string{"--kubeconfig=" + l.kubeconfigOf("dns"), "--address=" + nodeAddress + ":53"}
}

func controllerManagerArguments(l layout) []string {
	return append(controlPlaneArguments(l.kubeconfigOf("kube-controller-manager")),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+l.file(serviceAccountKeyFile),
		"--root-ca-file="+l.file(authorityFile),
	)
}

func schedulerArguments(l layout) []string {
	return controlPlaneArguments(l.kubeconfigOf("kube-scheduler"))
}

func controlPlaneArguments(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		// There is one of each, and nobody reads its metrics: it starts at once and listens nowhere.
		"--leader-elect=false",
		"--secure-port=0",
	}
}

// nodeAPIServerArguments are those of an API server that has a node and the controllers that go with it.
func nodeAPIServerArguments(l layout) []string {
	return []string{
		// Where pods find the API server, behind the address of its Service.
		"--advertise-address=" + hostAddress,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--kubelet-client-certificate=" + l.file(kubeletClientCertificateFile),
		"--kubelet-client-key=" + l.file(kubeletClientKeyFile),
		"--kubelet-preferred-address-types=InternalIP",
	}
}
