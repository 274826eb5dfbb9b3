//go:build !linux

package lab

import (
	"os"
	"syscall"
)

// childAttributes: without Linux's death signal, a recorder that is killed
// outright leaves its processes behind.
func childAttributes() *syscall.SysProcAttr { return nil }

// killGroup kills the process alone.
func killGroup(p *os.Process) { p.Kill() }
