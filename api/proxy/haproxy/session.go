package haproxy

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// session is one connection of HAProxy. One goroutine reads its frames and answers
// them in their order.
type session struct {
	*SPOE
	conn    net.Conn
	in      *bufio.Reader
	frame   []byte // the one that was read last; grows to the longest
	longest int    // frame that was agreed upon
	out     []byte // not written yet
	request mesh.Request
	may     func(service string) bool // nil: everybody may ask about everything
}

// full is when answers are written although more questions wait.
const full = 32 << 10

func newSession(s *SPOE, conn net.Conn) *session {
	return &session{SPOE: s, conn: conn, in: bufio.NewReaderSize(conn, 4096), longest: s.cfg.MaxFrame, request: mesh.Request{
		Headers: map[string]string{}, Source: mesh.Source{Labels: map[string]string{}},
	}}
}

// run answers until HAProxy goes, says what makes no sense, or ctx ends.
func (c *session) run(ctx context.Context) {
	defer c.conn.Close()
	stop := context.AfterFunc(ctx, func() { c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	more, code := c.greet(ctx)
	if more && c.cfg.Grants != nil {
		c.may = c.cfg.Grants(c.conn)
	}
	for more {
		var f frame
		if f, code = c.next(ctx, c.cfg.Idle); code != going {
			break
		}
		if code = c.take(f); code != going {
			break
		}
		if !c.ready() && !c.flush() {
			return
		}
	}
	if code >= normal {
		c.leave(code)
	}
}

// What take and next return beside the codes of disconnecting.
const (
	going = -1 // on
	gone  = -2 // nobody is there any more to be told anything
)

// reasons of the codes, as HAProxy logs them.
var reasons = map[int]string{
	normal: "normal", timedOut: "no frame in time", tooBig: "frame is too big", invalid: "invalid frame",
	noVersion: "no supported-versions", noFrameSize: "no max-frame-size", noCapability: "no capabilities",
	otherVersion: "SPOP 2.0 is spoken here", badFrameSize: "max-frame-size is below 256", fragmentation: "fragments are not taken",
}

// next reads a frame, for the beginning of which it waits that long.
func (c *session) next(ctx context.Context, idle time.Duration) (frame, int) {
	if c.in.Buffered() == 0 {
		c.await(ctx, idle)
	}
	length, err := c.in.Peek(4)
	if err != nil {
		return frame{}, c.silent(ctx, err)
	}
	n := int(binary.BigEndian.Uint32(length))
	if n > c.longest {
		return frame{}, tooBig
	}
	if c.in.Buffered() < 4+n {
		c.await(ctx, wait) // HAProxy sends a frame at once
	}
	if cap(c.frame) < 4+n {
		c.frame = make([]byte, 4+n)
	}
	if _, err := io.ReadFull(c.in, c.frame[:4+n]); err != nil {
		return frame{}, c.silent(ctx, err)
	}
	f, ok := readFrame(string(c.frame[4 : 4+n])) // what is read of it shares this one copy
	if !ok {
		return frame{}, invalid
	}
	return f, going
}

// await sets the time by which something is to be read, unless ctx has ended.
func (c *session) await(ctx context.Context, d time.Duration) {
	c.conn.SetReadDeadline(c.cfg.Clock().Add(d))
	if ctx.Err() != nil { // it may have ended just before
		c.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// silent is what a failed read means.
func (c *session) silent(ctx context.Context, err error) int {
	if ctx.Err() != nil {
		return normal
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return timedOut
	}
	return gone
}

// ready reports whether another whole frame has been read already: then its answer
// goes with those before.
func (c *session) ready() bool {
	if len(c.out) > full || c.in.Buffered() < 4 {
		return false
	}
	length, _ := c.in.Peek(4)
	return c.in.Buffered()-4 >= int(binary.BigEndian.Uint32(length))
}

// flush writes the answers, and reports whether that worked.
func (c *session) flush() bool {
	if len(c.out) == 0 {
		return true
	}
	c.conn.SetWriteDeadline(c.cfg.Clock().Add(wait))
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err == nil
}

// leave writes what is left, and says why the connection ends.
func (c *session) leave(code int) {
	if code != normal && code != timedOut {
		c.told.FailedOpen("malformed")
	}
	start := len(c.out)
	c.out = begin(c.out, agentDisconnect, 0, 0)
	c.out = appendUint32(appendText(c.out, "status-code"), uint32(code))
	c.out = appendString(appendText(c.out, "message"), reasons[code])
	c.out = end(c.out, start)
	c.flush()
}

// greet answers HAProxy's hello. more is false where that was all.
func (c *session) greet(ctx context.Context) (more bool, code int) {
	f, code := c.next(ctx, wait)
	if code != going {
		return false, code
	}
	if f.kind != haproxyHello || f.flags&flagFIN == 0 {
		return false, invalid
	}
	hello, ok := readHello(f.payload)
	if !ok {
		return false, invalid
	}
	if code := hello.wrong(); code != going {
		return false, code
	}
	c.longest = min(c.cfg.MaxFrame, int(min(hello.longest, 1<<30)))
	capability := ""
	if hello.speaks("pipelining") {
		capability = "pipelining"
	}
	start := len(c.out)
	c.out = begin(c.out, agentHello, 0, 0)
	c.out = appendString(appendText(c.out, "version"), "2.0")
	c.out = appendUint32(appendText(c.out, "max-frame-size"), uint32(c.longest))
	c.out = appendString(appendText(c.out, "capabilities"), capability)
	c.out = end(c.out, start)
	if !c.flush() || hello.check { // a health check ends here
		return false, gone
	}
	return true, going
}

// hello is what HAProxy says of itself.
type hello struct {
	versions, capabilities  string
	longest                 int64
	capable, versioned, big bool // whether it says that at all
	check                   bool // it only looks whether we live
}

func readHello(payload string) (h hello, ok bool) {
	for r := (fields{rest: payload}); ; {
		if r.rest == "" {
			return h, !r.bad
		}
		name := r.text()
		v := r.value()
		switch name {
		case "supported-versions":
			h.versions, h.versioned = v.text, true
		case "capabilities":
			h.capabilities, h.capable = v.text, true
		case "max-frame-size":
			h.longest, h.big = v.number, true
		case "healthcheck":
			h.check = v.number != 0
		}
	}
}

// wrong is what a hello lacks.
func (h *hello) wrong() int {
	switch {
	case !h.versioned:
		return noVersion
	case !h.big:
		return noFrameSize
	case !h.capable:
		return noCapability
	case h.longest < 256:
		return badFrameSize
	}
	for version := range strings.SplitSeq(h.versions, ",") {
		if strings.HasPrefix(strings.TrimSpace(version), "2.") {
			return going
		}
	}
	return otherVersion
}

func (h *hello) speaks(capability string) bool {
	for known := range strings.SplitSeq(h.capabilities, ",") {
		if strings.TrimSpace(known) == capability {
			return true
		}
	}
	return false
}
