package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// waitNode returns when a pod could be scheduled, has its service account, and finds Services by name.
func waitNode(ctx context.Context, client *http.Client, server string, needed ...*process) error {
	ctx, cancel := withStartLimit(ctx)
	defer cancel()
	defer client.CloseIdleConnections()
	for _, check := range []func(context.Context) error{
		func(ctx context.Context) error { return checkNodeReady(ctx, client, server) },
		func(ctx context.Context) error {
			return get(ctx, client, server+"/api/v1/namespaces/default/serviceaccounts/default", nil)
		},
		checkServiceNames,
	} {
		if err := poll(ctx, needed, check); err != nil {
			return err
		}
	}
	return nil
}

// nodeObject is what matters here of a Node.
type nodeObject struct {
	Spec struct {
		Taints []struct {
			Key string `json:"key"`
		} `json:"taints"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

func checkNodeReady(ctx context.Context, client *http.Client, server string) error {
	var content json.RawMessage
	if err := get(ctx, client, server+"/api/v1/nodes/"+nodeName, &content); err != nil {
		return err
	}
	return nodeReady(content)
}

// nodeReady returns why the node does not take pods, if so.
func nodeReady(content []byte) error {
	var node nodeObject
	if err := json.Unmarshal(content, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status != "True" {
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	if len(node.Status.Conditions) == 0 {
		return fmt.Errorf("the node has no status yet")
	}
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the node is tainted: %s", node.Spec.Taints[0].Key)
	}
	return nil
}

// checkServiceNames asks the node's DNS as a pod does.
func checkServiceNames(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, nodeAddress+":53")
	}}
	addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+clusterDomain+".")
	if err != nil {
		return err
	}
	if !slices.Contains(addresses, serviceAddress) {
		return fmt.Errorf("the API server's name leads to %v", addresses)
	}
	return nil
}
