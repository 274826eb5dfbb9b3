package main

import (
	"net"
	"os"
	"regexp"
	"strings"
)

// beyondAddr tells whether others than this machine's processes can connect.
func beyondAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}

// beyond is beyondAddr of an address that nobody listens on yet.
func beyond(address string) bool {
	if address == "" || strings.HasPrefix(address, "unix:") {
		return false
	}
	at, err := net.ResolveTCPAddr("tcp", address)
	return err != nil || !at.IP.IsLoopback()
}

// dns is what a certificate can hold as a DNS name: an address with a zone is none.
var dns = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$`)

// hosts are the names under which the daemon may be called.
func hosts(addresses ...string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(host string) {
		if valid := net.ParseIP(host) != nil || dns.MatchString(host); valid && !net.ParseIP(host).IsUnspecified() {
			names = append(names, host)
		}
	}
	if name, err := os.Hostname(); err == nil {
		add(name)
	}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err == nil {
			add(host)
		}
	}
	return names
}
