package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func folderWith(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestFindAssets(t *testing.T) {
	complete := folderWith(t, "etcd", "kube-apiserver", "kubectl")
	servers := folderWith(t, "etcd", "kube-apiserver")
	own := filepath.Join(folderWith(t, "etcd", "kube-apiserver", "kubectl", "cluster"), "cluster")
	for _, test := range []struct{ name, flag, environment, want string }{
		{"the flag comes first", servers, complete, servers},
		{"then the environment", "", complete, complete},
		{"which has to be complete", "", servers, filepath.Dir(own)},
		{"then the own folder", "", "", filepath.Dir(own)},
	} {
		if got, err := findAssets(test.flag, test.environment, own); got != test.want || err != nil {
			t.Errorf("%s: %s, %v", test.name, got, err)
		}
	}
}

func TestFindAssetsNamesWhatIsMissing(t *testing.T) {
	_, err := findAssets(folderWith(t, "etcd"), "", "")
	if err == nil || !strings.Contains(err.Error(), "no kube-apiserver") {
		t.Errorf("%v", err)
	}
}
