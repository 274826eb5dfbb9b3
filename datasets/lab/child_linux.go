package lab

import (
	"os"
	"syscall"
)

// childAttributes ties a process to the thread that starts it, and keeps the
// terminal's Ctrl-C to the recorder, which stops its processes itself.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// killGroup kills a process and what it started: a proxy may have workers. Its process
// group is its own and bears its number, which nobody else gets before it was waited
// for; one that has ended already is left alone.
func killGroup(p *os.Process) {
	if p.Signal(syscall.Signal(0)) == nil {
		syscall.Kill(-p.Pid, syscall.SIGKILL)
	}
}
