package main

const (
	kubeletClientCertificateFile = "kubelet-client.crt"
	kubeletClientKeyFile         = "kubelet-client.key"
)

// client is a program that reaches the API server under a name to which the API server's own roles are bound.
type client struct {
	program, server, user string
	groups                []string
}

// nodeClients are the programs beside the API server. Those of the node reach it from the node's own network.
func nodeClients(p ports) []client {
	onMachine := loopback("https", p.apiserver)
	onNode := relayURL(p)
	return []client{
		{"kube-controller-manager", onMachine, "system:kube-controller-manager", nil},
		{"kube-scheduler", onMachine, "system:kube-scheduler", nil},
		{"kubelet", onNode, "system:node:" + nodeName, []string{"system:nodes"}},
		{"kube-proxy", onNode, "system:kube-proxy", nil},
		// The role of the cluster's DNS is bound to its service account.
		{"dns", onNode, "system:serviceaccount:kube-system:kube-dns", nil},
	}
}

// writeKubeletClient puts into the folder what makes the API server known to kubelet, for logs and exec.
func (c credentials) writeKubeletClient(l layout) error {
	pair, err := c.issuer.issueClient("kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	return writeFiles(l.folder, map[string][]byte{
		kubeletClientCertificateFile: pair.certificate,
		kubeletClientKeyFile:         pair.key,
	})
}

func (c credentials) writeNodeClients(l layout, p ports) error {
	for _, client := range nodeClients(p) {
		pair, err := c.issuer.issueClient(client.user, client.groups...)
		if err != nil {
			return err
		}
		rendered := renderKubeconfig(client.server, c.authority, pair)
		if err := writePrivate(l.kubeconfigOf(client.program), rendered); err != nil {
			return err
		}
	}
	return nil
}
