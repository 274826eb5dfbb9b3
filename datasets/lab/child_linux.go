package lab

import "syscall"

// childAttributes ties a process to the thread that starts it, and keeps the
// terminal's Ctrl-C to the recorder, which stops its processes itself.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
