package redis

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// dialer connects, and looks at what comes, see bounded. Unlike the client's own it ends
// with its context while TLS begins too.
func dialer(secure *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: 5 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if secure != nil {
			return encrypted(ctx, conn, secure)
		}
		if c, is := conn.(syscall.Conn); is {
			return &boundedSocket{bounded{Conn: conn}, c}, nil
		}
		return &bounded{Conn: conn}, nil
	}
}

// encrypted begins TLS, in less time than there is, so that somebody hears why it fails.
func encrypted(ctx context.Context, conn net.Conn, secure *tls.Config) (net.Conn, error) {
	within := 5 * time.Second
	if end, has := ctx.Deadline(); has {
		within = time.Until(end) * 3 / 4
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	c := tls.Client(conn, secure)
	err := c.HandshakeContext(ctx)
	if err == nil {
		return &bounded{Conn: c}, nil
	}
	conn.Close()
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("it does not answer to TLS; where it speaks none there: redis:// instead of rediss://, or its tls-port")
	}
	return nil, fmt.Errorf("TLS: %w", err)
}

// bounded is a connection to a Redis whose answers are no longer than any of ours can
// be. The client believes whatever length it is told, and makes room for it: one line
// from outside would end the process.
type bounded struct {
	net.Conn
	line []byte // of an answer, as far as it has come
	rest int    // bytes of a text that are to come
	open []int  // how many elements are to come of each list in a list
}

// boundedSocket can be looked at by the client before it is used again: whether the
// other side has closed it.
type boundedSocket struct {
	bounded
	syscall.Conn
}

// Bounds of answers: bytes of a line, elements of a list, and lists in one another. The
// only list that comes is that of the greeting, with what the server is.
const mostLine, mostElements, deepest = 64 << 10, 1000, 8

// Read reads, and fails where an answer is too long, or none of RESP
// (https://redis.io/docs/latest/develop/reference/protocol-spec).
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if wrong := b.pass(p[:n]); wrong != nil {
		return 0, wrong
	}
	return n, err
}

func (b *bounded) pass(text []byte) error {
	for len(text) > 0 {
		if b.rest > 0 {
			n := min(b.rest, len(text))
			b.rest, text = b.rest-n, text[n:]
			continue
		}
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			b.line = append(b.line, text...)
			text = nil
		} else {
			b.line = append(b.line, text[:end]...)
			text = text[end+1:]
			if err := b.header(); err != nil {
				return err
			}
			b.line = b.line[:0]
		}
		if len(b.line) > mostLine {
			return fmt.Errorf("a line of more than %d bytes; is this a Redis?", mostLine)
		}
	}
	return nil
}

// header takes the first line of an answer, or of an element of one.
func (b *bounded) header() error {
	line := bytes.TrimSuffix(b.line, []byte("\r"))
	if len(line) == 0 || bytes.IndexByte([]byte("+-:$*"), line[0]) < 0 {
		return fmt.Errorf("%.20q is no answer of a Redis", line)
	}
	n := -1
	if line[0] == '$' || line[0] == '*' {
		var err error
		if n, err = strconv.Atoi(string(line[1:])); err != nil || n < -1 {
			return fmt.Errorf("%.20q is no answer of a Redis", line)
		}
	}
	switch {
	case line[0] == '$' && n > cache.MostText:
		return cache.Foreign(fmt.Sprintf("it is larger than any entry: %d bytes", n))
	case line[0] == '$' && n >= 0:
		b.rest = n + len("\r\n")
	case line[0] == '*' && (n > mostElements || len(b.open) == deepest):
		return fmt.Errorf("%.20q is more than a Redis answers to what it is asked", line)
	case line[0] == '*' && n > 0:
		b.open = append(b.open, n)
		return nil
	}
	for i := len(b.open) - 1; i >= 0; i-- { // it was an element of the list, which may be the last of another
		if b.open[i]--; b.open[i] > 0 {
			break
		}
		b.open = b.open[:i]
	}
	return nil
}
