package lab

import (
	"net"
	"strings"
	"testing"
)

func lease(t *testing.T) *ports {
	t.Helper()
	p, err := leasePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	return p
}

func TestLeasedPortsAreApart(t *testing.T) {
	a, b := lease(t), lease(t)
	seen := map[string]bool{}
	for range blockPorts - 1 {
		for _, p := range []*ports{a, b} {
			address := p.address()
			if seen[address] {
				t.Fatalf("%s was handed out twice", address)
			}
			seen[address] = true
		}
	}
	l, err := net.Listen("tcp", b.owner.Addr().String())
	if err == nil {
		l.Close()
		t.Errorf("nobody owns the block of %v", b.owner.Addr())
	}
}

// TestLeaseAvoidsPortsInUse listens in the block that would be next.
func TestLeaseAvoidsPortsInUse(t *testing.T) {
	first := lease(t)
	taken := first.address()
	l, err := net.Listen("tcp", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first.owner.Close() // the block is nobody's now, but in use
	second := lease(t)
	for range blockPorts - 1 {
		if address := second.address(); address == taken {
			t.Fatalf("%s was handed out while somebody listens there", address)
		}
	}
}

func TestUnusedNamesThePort(t *testing.T) {
	p := lease(t)
	if err := unused(p.next, p.end); err != nil {
		t.Errorf("a leased block: %v", err)
	}
	port := p.owner.Addr().(*net.TCPAddr).Port
	if err := unused(port, port+1); err == nil || !strings.Contains(err.Error(), p.owner.Addr().String()) {
		t.Errorf("a port in use: %v", err)
	}
}
