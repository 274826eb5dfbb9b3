package lab

import (
	"fmt"
	"net"
)

// The ports of meshes come in blocks. They lie below the ports that the kernel
// hands out to outgoing connections: one of those must not take the place of
// an endpoint while it is down.
const (
	firstPort  = 20000
	lastPort   = 32000
	blockPorts = 100
)

// ports is a block of loopback ports. It belongs to whoever listens on its
// first port, so that meshes that run at the same time stay apart.
type ports struct {
	owner     net.Listener
	next, end int
}

// leasePorts takes a block that nobody listens in.
func leasePorts() (*ports, error) {
	var last error
	for first := firstPort; first+blockPorts <= lastPort; first += blockPorts {
		owner, err := net.Listen("tcp", loopback(first))
		if err != nil {
			last = err
			continue
		}
		if last = unused(first+1, first+blockPorts); last == nil {
			return &ports{owner, first + 1, first + blockPorts}, nil
		}
		owner.Close()
	}
	return nil, fmt.Errorf("no block of %d free ports on the loopback address between %d and %d (last: %w); stop another mesh", blockPorts, firstPort, lastPort, last)
}

// unused tries every port from first to before end.
func unused(first, end int) error {
	for port := first; port < end; port++ {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// address hands out the next address. Config.Validate makes sure that a block
// has enough of them.
func (p *ports) address() string {
	if p.next == p.end {
		panic("lab: more addresses than a block of ports has")
	}
	p.next++
	return loopback(p.next - 1)
}

// release gives the block back.
func (p *ports) release() { p.owner.Close() }

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
