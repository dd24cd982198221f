package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAbandonedFoldersGoAndOthersStay(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	used, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(parent, folderPrefix+"abandoned")
	// A launcher that has not come to lock its folder yet.
	fresh := filepath.Join(parent, folderPrefix+"fresh")
	for _, path := range []string{abandoned, fresh} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(abandoned, lockFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	removeAbandoned(parent)

	for path, want := range map[string]bool{used.path: true, fresh: true, abandoned: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := used.remove(); err != nil {
		t.Error(err)
	}
}
