package main

import "testing"

func TestKilledLauncherLeavesNoProcess(t *testing.T) {
	l := startLauncher(t)
	a := l.announced()
	if err := l.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = l.Wait()
	l.expectGone(a)
	l.expectFolders(1)
	removeAbandoned(l.temp)
	l.expectFolders(0)
}
