package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func missingFile(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func TestMissingPackagesAreNamedOnce(t *testing.T) {
	find := func(program string) (string, error) {
		if program == "ctr" || program == "containerd" || strings.HasPrefix(program, pluginFolder) {
			return "", errors.New("not found")
		}
		return program, nil
	}
	got := missingPackages(neededPrograms, find)
	if want := []string{"containerd", "containernetworking-plugins"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestTemporaryFolderMayNotBeHidden(t *testing.T) {
	for folder, want := range map[string]bool{
		"/tmp": true, "/var/tmp": true, "/running": true, "/run": false, "/run/user/0": false, "/var/lib/ci/tmp": false,
		"/tmp/" + strings.Repeat("x", 80): false,
	} {
		if err := checkTemporary(folder); (err == nil) != want {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

func TestCheckNodeNamesTheBuild(t *testing.T) {
	if os.Geteuid() != 0 {
		err := checkNode(t.TempDir(), "/tmp")
		if err == nil || !strings.Contains(err.Error(), "root") {
			t.Errorf("%v", err)
		}
		t.Skip("the rest is said to root only")
	}
	err := checkNode(folderWith(t, "kubelet"), "/tmp")
	if err == nil || !strings.Contains(err.Error(), "build.sh --node") {
		t.Errorf("%v", err)
	}
}
