package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// indexLimit bounds what is read of an archive's index, in bytes: real ones have some hundred.
	indexLimit = 1 << 20
	loadLimit  = time.Minute
	// managed is the label of the images that kubelet can see.
	managed = `labels."io.cri-containerd.image"==managed`
)

// loadImages imports an archive into containerd and returns the names that pods can use, once they can.
func loadImages(ctx context.Context, socket, archive string) ([]string, error) {
	names, err := imageNamesIn(archive)
	if err != nil {
		return nil, fmt.Errorf("image archive %s: %w", archive, err)
	}
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	if _, err := ctr(ctx, socket, "images", "import", archive); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := waitForImage(ctx, socket, name); err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
	}
	return names, nil
}

func waitForImage(ctx context.Context, socket, name string) error {
	for {
		found, err := ctr(ctx, socket, "images", "list", "--quiet", "name=="+name+","+managed)
		if err != nil {
			return err
		}
		if strings.TrimSpace(found) == name {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ctr runs containerd's client in the namespace of kubelet's images.
func ctr(ctx context.Context, socket string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)...)
	var output, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return output.String(), nil
}

func imageNamesIn(archive string) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return imageNames(file)
}

// ociName is the annotation of an OCI archive's index that names an image.
const ociName = "org.opencontainers.image.ref.name"

// imageNames reads the full names from the index of an archive: index.json of an OCI one, else manifest.json of a
// docker one. An archive with both is an OCI archive.
func imageNames(archive io.Reader) ([]string, error) {
	var oci struct {
		Manifests []struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	var docker []struct {
		RepoTags []string `json:"RepoTags"`
	}
	indexes := map[string]any{"index.json": &oci, "manifest.json": &docker}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(header.Name, "./")
		if index := indexes[name]; index != nil {
			if err := json.NewDecoder(io.LimitReader(reader, indexLimit)).Decode(index); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	var names []string
	for _, manifest := range oci.Manifests {
		names = append(names, manifest.Annotations[ociName])
	}
	if len(oci.Manifests) == 0 {
		for _, image := range docker {
			names = append(names, image.RepoTags...)
		}
	}
	return names, checkNames(names)
}

// checkNames wants names as pods have them: a bare tag would be given a name that depends on the day.
func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("it names no image")
	}
	for _, name := range names {
		registry, path, _ := strings.Cut(name, "/")
		if !strings.ContainsAny(registry, ".:") && registry != "localhost" || !strings.ContainsAny(path, ":@") {
			return fmt.Errorf("%q is not a full name such as ghcr.io/owner/image:tag", name)
		}
	}
	return nil
}
