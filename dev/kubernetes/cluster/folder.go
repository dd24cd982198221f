package main

import (
	"os"
	"path/filepath"
	"syscall"
)

const (
	folderPrefix = "dataworks-cluster-"
	lockFile     = "lock"
)

// folder is the temporary folder of one cluster, locked for as long as its launcher lives.
type folder struct {
	path string
	lock *os.File
}

// newFolder also removes what launchers left that were killed before they could: etcd sets aside 64 MiB in each.
func newFolder() (*folder, error) {
	removeAbandoned(os.TempDir())
	path, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(path)
	if err != nil {
		os.RemoveAll(path)
		return nil, err
	}
	return &folder{path: path, lock: lock}, nil
}

// lockFolder names the file only once it is locked, or another launcher could take the folder for abandoned.
func lockFolder(path string) (*os.File, error) {
	fresh := filepath.Join(path, lockFile+".new")
	lock, err := os.OpenFile(fresh, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		lock.Close()
		return nil, err
	}
	if err := os.Rename(fresh, filepath.Join(path, lockFile)); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

func (f *folder) remove() error {
	defer f.lock.Close()
	return os.RemoveAll(f.path)
}

// removeAbandoned leaves alone whatever it cannot open or lock: it belongs to somebody else.
func removeAbandoned(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, folderPrefix+"*", lockFile))
	for _, path := range locks {
		lock, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			abandoned := filepath.Dir(path)
			// Those of its node, if it had one.
			_ = removeCgroups(filepath.Base(abandoned))
			os.RemoveAll(abandoned)
		}
		lock.Close()
	}
}
