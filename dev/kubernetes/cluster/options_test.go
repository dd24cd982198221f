package main

import (
	"slices"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	var output strings.Builder
	opts, err := parseOptions([]string{"--node", "--image", "a.tar", "--image=b.tar", "--", "run", "--image", "c"}, &output)
	if err != nil || !opts.node || !slices.Equal(opts.images, []string{"a.tar", "b.tar"}) ||
		!slices.Equal(opts.command, []string{"run", "--image", "c"}) {
		t.Errorf("%+v, %v", opts, err)
	}
	if _, err := parseOptions([]string{"--image", "a.tar"}, &output); err == nil || !strings.Contains(output.String(), "--image needs --node") {
		t.Errorf("%v, %s", err, output.String())
	}
}
