package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// findAssets settles which folder the binaries come from. KUBEBUILDER_ASSETS counts only when it is complete,
// as in build.sh, so that both always mean the same folder.
func findAssets(flagValue, environment, executable string) (string, error) {
	folder := flagValue
	if folder == "" && environment != "" && missingIn(environment, "etcd", "kube-apiserver", "kubectl") == "" {
		folder = environment
	}
	if folder == "" {
		folder = filepath.Dir(executable)
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	if name := missingIn(folder, "etcd", "kube-apiserver"); name != "" {
		return "", fmt.Errorf("no %s in %s: dev/kubernetes/build.sh builds it", name, folder)
	}
	return folder, nil
}

// missingIn returns the first of names that is no executable file of the folder.
func missingIn(folder string, names ...string) string {
	for _, name := range names {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return name
		}
	}
	return ""
}
