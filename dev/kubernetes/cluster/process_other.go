//go:build !linux

package main

import "syscall"

// Only Linux tells a child of its parent's death: elsewhere a launcher that is killed leaves its children behind.

func serverAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func commandAttributes() *syscall.SysProcAttr {
	return nil
}
