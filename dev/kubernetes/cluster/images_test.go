package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestImageNames(t *testing.T) {
	const (
		full  = "ghcr.io/dataworks-operator/dataworks-operator:0.1.0"
		oci   = `{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"NAME"}}]}`
		other = "docker.io/local/pause:node"
	)
	named := func(name string) []byte { return []byte(strings.ReplaceAll(oci, "NAME", name)) }
	docker := []byte(`[{"RepoTags":["` + other + `","` + full + `"]}]`)
	for _, test := range []struct {
		name    string
		entries []entry
		want    []string
		fault   string
	}{
		{"OCI", []entry{{"oci-layout", 0o644, nil}, {"index.json", 0o644, named(full)}}, []string{full}, ""},
		{"packed from a folder", []entry{{"./index.json", 0o644, named(full)}}, []string{full}, ""},
		{"docker", []entry{{"manifest.json", 0o644, docker}}, []string{other, full}, ""},
		{"both", []entry{{"manifest.json", 0o644, docker}, {"index.json", 0o644, named(full)}}, []string{full}, ""},
		{"a registry by port", []entry{{"index.json", 0o644, named("localhost:5000/a:1")}}, []string{"localhost:5000/a:1"}, ""},
		{"a digest", []entry{{"index.json", 0o644, named("ghcr.io/a/b@sha256:1")}}, []string{"ghcr.io/a/b@sha256:1"}, ""},
		{"only a tag", []entry{{"index.json", 0o644, named("0.1.0")}}, nil, "not a full name"},
		{"no registry", []entry{{"index.json", 0o644, named("library/busybox:1")}}, nil, "not a full name"},
		{"no tag", []entry{{"index.json", 0o644, named("ghcr.io/a/b")}}, nil, "not a full name"},
		{"no annotation", []entry{{"index.json", 0o644, []byte(`{"manifests":[{}]}`)}}, nil, "not a full name"},
		{"no image", []entry{{"readme", 0o644, nil}}, nil, "names no image"},
		{"no JSON", []entry{{"index.json", 0o644, []byte("{")}}, nil, "index.json: unexpected EOF"},
	} {
		archive, err := tarOf(test.entries...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := imageNames(bytes.NewReader(archive))
		if test.fault == "" && (err != nil || !slices.Equal(got, test.want)) {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
		if test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
	if _, err := imageNames(strings.NewReader("no archive")); err == nil {
		t.Error("what is no archive has names")
	}
}
