package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKubeconfig(t *testing.T) {
	got := string(renderKubeconfig("https://127.0.0.1:20001", []byte("ca"),
		keyPair{certificate: []byte("certificate"), key: []byte("key")}))
	const want = `apiVersion: v1
kind: Config
clusters:
- name: dataworks-test
  cluster:
    server: https://127.0.0.1:20001
    certificate-authority-data: Y2E=
users:
- name: admin
  user:
    client-certificate-data: Y2VydGlmaWNhdGU=
    client-key-data: a2V5
contexts:
- name: dataworks-test
  context:
    cluster: dataworks-test
    user: admin
current-context: dataworks-test
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestWritePrivateTakesAwayOldPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if content, _ := os.ReadFile(path); string(content) != "new" {
		t.Errorf("%s", content)
	}
}
