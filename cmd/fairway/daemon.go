package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// daemon is a fairwayd that this process started and will stop.
type daemon struct {
	address string
	command *exec.Cmd
	ended   chan error
}

// startDaemon starts fairwayd on a free port of the loopback.
func startDaemon(ctx context.Context, log io.Writer, program string, args ...string) (*daemon, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return startDaemonAt(ctx, log, program, address, args...)
}

// startDaemonAt starts fairwayd, which listens at an address.
func startDaemonAt(ctx context.Context, log io.Writer, program, address string, args ...string) (*daemon, error) {
	command := exec.CommandContext(ctx, program, append(args, "--listen", address)...)
	command.Stderr = log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w (build both programs with `make build`)", program, err)
	}
	d := &daemon{address: address, command: command, ended: make(chan error, 1)}
	go func() { d.ended <- command.Wait() }()
	return d, nil
}

// stop asks the daemon to end, and kills it when it does not.
func (d *daemon) stop() error {
	if err := d.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("fairwayd ended by itself: %w", errors.Join(err, <-d.ended))
	}
	select {
	case err := <-d.ended:
		return err
	case <-time.After(10 * time.Second):
		return errors.Join(errors.New("fairwayd did not end within 10 s of being asked to"), d.command.Process.Kill(), <-d.ended)
	}
}

// freeAddress is a port of the loopback that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
