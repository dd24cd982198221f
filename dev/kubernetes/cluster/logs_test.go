package main

import "testing"

func TestLastLines(t *testing.T) {
	for _, test := range []struct{ content, want string }{
		{"", ""},
		{"one\n", "one\n"},
		{"one\ntwo", "one\ntwo\n"},
		{"one\ntwo\nthree\n", "two\nthree\n"},
	} {
		if got := string(lastLines([]byte(test.content), 2)); got != test.want {
			t.Errorf("%q: %q", test.content, got)
		}
	}
}
