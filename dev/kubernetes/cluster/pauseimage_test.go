package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrittenImageHoldsTheProgram(t *testing.T) {
	folder := t.TempDir()
	archive, program := filepath.Join(folder, "image.tar"), filepath.Join(folder, "program")
	if err := os.WriteFile(program, []byte("the program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeImage(archive, pauseName, program); err != nil {
		t.Fatal(err)
	}

	if names, err := imageNamesIn(archive); err != nil || len(names) != 1 || names[0] != pauseName {
		t.Errorf("%v, %v", names, err)
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, content)
	var config struct {
		Config struct{ Entrypoint []string }
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(files["config.json"], &config); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(files["layer.tar"])); config.RootFS.DiffIDs[0] != want {
		t.Errorf("%v is not %s", config.RootFS.DiffIDs, want)
	}
	if got := untar(t, files["layer.tar"])[config.Config.Entrypoint[0][1:]]; string(got) != "the program" {
		t.Errorf("%q at %v", got, config.Config.Entrypoint)
	}
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}
