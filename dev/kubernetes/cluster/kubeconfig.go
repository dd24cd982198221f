package main

import (
	"encoding/base64"
	"fmt"
	"os"
)

// renderKubeconfig embeds the keys, so that the file can be copied and stays whole when the cluster's folder goes.
func renderKubeconfig(server string, authority []byte, user keyPair) []byte {
	encoded := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: dataworks-test
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: dataworks-test
  context:
    cluster: dataworks-test
    user: admin
current-context: dataworks-test
`, server, encoded(authority), encoded(user.certificate), encoded(user.key))
}

// writePrivate replaces the file at once and never leaves it readable to others, not even one that was before.
func writePrivate(path string, content []byte) error {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}
