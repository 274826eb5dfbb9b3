//go:build !linux

package lab

import "syscall"

// childAttributes: without Linux's death signal, a recorder that is killed
// outright leaves its processes behind.
func childAttributes() *syscall.SysProcAttr { return nil }
