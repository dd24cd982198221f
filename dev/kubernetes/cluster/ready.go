package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// startLimit leaves room for a machine that compiles on all its cores meanwhile.
const startLimit = 2 * time.Minute

var errEnded = errors.New("ended")

// readyPaths are asked in this order. The API server calls itself ready before it has made the namespaces that
// clients take for granted.
var readyPaths = []string{"/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"}

func newClient(authority []byte, user keyPair) (*http.Client, error) {
	certificate, err := tls.X509KeyPair(user.certificate, user.key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("no certificate in the authority's PEM")
	}
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
		},
	}, nil
}

// waitReady returns when every path answers 200, and early when one of the needed processes ends.
func waitReady(ctx context.Context, client *http.Client, server string, needed ...*process) error {
	ctx, cancel := withStartLimit(ctx)
	defer cancel()
	// The next wait may be for another API server at the same address.
	defer client.CloseIdleConnections()
	for _, path := range readyPaths {
		if err := poll(ctx, needed, func(ctx context.Context) error { return get(ctx, client, server+path, nil) }); err != nil {
			return err
		}
	}
	return nil
}

func withStartLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %s", startLimit))
}

// poll repeats the check until it passes, and gives up when one of the needed processes ends.
func poll(ctx context.Context, needed []*process, check func(context.Context) error) error {
	for {
		err := check(ctx)
		if ended := firstEnded(needed); ended != nil {
			return ended.exited()
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %v)", context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func firstEnded(processes []*process) *process {
	for _, p := range processes {
		select {
		case <-p.done:
			return p
		default:
		}
	}
	return nil
}

// get wants the answer 200, and puts its body into content unless that is nil.
func get(ctx context.Context, client *http.Client, url string, content *json.RawMessage) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to the end, so that the connection serves the next request as well.
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if content != nil {
		*content = body
		return err
	}
	return nil
}
