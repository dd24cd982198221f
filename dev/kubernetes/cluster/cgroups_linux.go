package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	cgroupMount = "/sys/fs/cgroup"
	// emptyLimit is how long the processes of a node that was killed may take to be gone.
	emptyLimit = 10 * time.Second
)

// cgroupHierarchies are the folders in which a cgroup is made: the mount itself when there is one hierarchy, else one
// for each controller. Links are other names of the same.
func cgroupHierarchies(mount string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(mount, "cgroup.controllers")); err == nil {
		return []string{mount}, nil
	}
	entries, err := os.ReadDir(mount)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() {
			found = append(found, filepath.Join(mount, entry.Name()))
		}
	}
	return found, nil
}

// makeCgroups makes the one below which kubelet puts all pods: kubelet wants to find it.
func makeCgroups(name string) error {
	hierarchies, err := cgroupHierarchies(cgroupMount)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := os.Mkdir(filepath.Join(hierarchy, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups removes those of a node, and waits for its processes to be gone when it has just been killed.
func removeCgroups(name string) error {
	hierarchies, err := cgroupHierarchies(cgroupMount)
	if err != nil {
		// A machine without cgroups has had no node.
		return nil
	}
	deadline := time.Now().Add(emptyLimit)
	for _, hierarchy := range hierarchies {
		for {
			err := removeCgroup(filepath.Join(hierarchy, name))
			if err == nil {
				break
			}
			if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// removeCgroup removes a tree of cgroups, children first. Their files are not there to be removed.
func removeCgroup(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "rmdir", Path: folder, Err: err}
		}
	}
	return nil
}
