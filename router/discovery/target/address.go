package target

import (
	"net"
	"net/netip"
	"strings"
)

// Address writes host:port in the one form that all sources use, so that one place is
// one endpoint: [fd00:0::7]:80 and [fd00::7]:80, A.example.:80 and a.example:80. What is
// no host:port stays as it is.
func Address(text string) string {
	if a, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return text
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}
