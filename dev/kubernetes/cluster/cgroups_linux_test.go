package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCgroupHierarchies(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, folder := range []string{"cpu,cpuacct", "memory", "unified"} {
		if err := os.Mkdir(filepath.Join(first, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("cpu,cpuacct", filepath.Join(first, "cpu")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(second, "cgroup.controllers"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mount, want := range map[string][]string{
		first:  {filepath.Join(first, "cpu,cpuacct"), filepath.Join(first, "memory"), filepath.Join(first, "unified")},
		second: {second},
	} {
		if got, err := cgroupHierarchies(mount); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestRemovedCgroupsAreRemovedWithTheirChildren(t *testing.T) {
	root := filepath.Join(t.TempDir(), "node")
	if err := os.MkdirAll(filepath.Join(root, "besteffort", "pod"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		// One that is gone already is as good.
		if err := removeCgroup(root); err != nil || !missingFile(root) {
			t.Error(err)
		}
	}
}
