package main

import "syscall"

// serverAttributes ties a server to the launcher's life and keeps the terminal's signals away from it.
func serverAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// commandAttributes leaves the command in the foreground, where it can use the terminal.
func commandAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
