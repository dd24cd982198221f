package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %s", startLimit))
	defer cancel()
	// The next wait may be for another API server at the same address.
	defer client.CloseIdleConnections()
	for _, path := range readyPaths {
		for {
			err := get(ctx, client, server+path)
			if ended := firstEnded(needed); ended != nil {
				return ended.exited()
			}
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%w (last answer: %v)", context.Cause(ctx), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
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

func get(ctx context.Context, client *http.Client, url string) error {
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
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
