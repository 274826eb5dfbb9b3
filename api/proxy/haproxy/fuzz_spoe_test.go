package haproxy

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzSession: whatever is sent, the agent answers or goes, and does so soon.
func FuzzSession(f *testing.F) {
	hello := helloFrame(usual...)
	web := argument{"service", "web"}
	f.Add([]byte{})
	f.Add(hello)
	f.Add(append(hello, question(1, decideMessage, web, argument{"header.x-user", "jason"}, argument{"tracked", true}, argument{"headers", "a: b\r\nc"})...))
	f.Add(append(hello, end(begin(nil, haproxyDisconnect, 0, 0), 0)...))
	f.Add(append(hello, 0xff, 0xff, 0xff, 0xff))
	f.Add(append(hello, end(append(appendText(begin(nil, notify, 1, 1), decideMessage), 1, 1, 'a', 0x0f), 0)...))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	s := agentAlone(f, ruledTable(f))
	s.cfg.Clock = time.Now
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); newSession(s, far).run(ctx) }()
		go func() { // the agent may not read all of it
			_, _ = near.Write(sent)
			cancel()
		}()
		_, _ = io.Copy(io.Discard, near)
		<-done
		near.Close()
		cancel()
	})
}

// FuzzTake: a payload that makes no sense is refused as a whole, and leaves nothing in
// the answer.
func FuzzTake(f *testing.F) {
	for _, b := range [][]byte{
		question(1, decideMessage, argument{"service", "web"}, argument{"path", "/a?b"}, argument{"tracked", true}),
		question(1, "else", argument{"x", nil}),
		{0, 0, 0, 9, notify, 0, 0, 0, 1, 255, 255, 255, 255},
	} {
		f.Add(string(b[4:]))
	}
	s := agentAlone(f, ruledTable(f))
	f.Fuzz(func(t *testing.T, text string) {
		in, ok := readFrame(text)
		if !ok {
			return
		}
		c := newSession(s, nil)
		if code := c.take(in); code != going {
			if len(c.out) != 0 {
				t.Errorf("%d and an answer: %q", code, c.out)
			}
			return
		}
		if len(c.out) == 0 {
			return
		}
		if out, ok := readFrame(string(c.out[4:])); !ok || out.stream != in.stream || out.id != in.id {
			t.Errorf("the answer is %+v, %v", out, ok)
		} else {
			variables(t, out)
		}
	})
}

// FuzzVarint: what is written is read.
func FuzzVarint(f *testing.F) {
	for _, v := range []uint64{0, 239, 240, 2288, 1 << 32, 1<<64 - 1} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v uint64) {
		r := fields{rest: string(appendVarint(nil, v))}
		if got := r.varint(); got != v || r.bad || r.rest != "" {
			t.Errorf("%d is read as %d, %v", v, got, r.bad)
		}
	})
}

// FuzzServers: what a command socket answers names servers that can stand in a command.
func FuzzServers(f *testing.F) {
	f.Add("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state\n2 web 1 b1 127.0.0.1 0 0 37 1 1 8 2 0 6 18\n\n")
	f.Add("Can't find backend.\n")
	f.Add("# srv_name srv_uweight srv_agent_state\na 1 6\nb;c 2 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		servers, ok := readServers(text)
		for _, s := range servers {
			if !ok || !word(s.name) {
				t.Errorf("%q names %q", text, s.name)
			}
		}
	})
}

// FuzzParseSocket: what is taken can stand in a command.
func FuzzParseSocket(f *testing.F) {
	for _, text := range []string{"unix:/s=a", "127.0.0.1:1=a,b@c", "unix:=a", "=", "x=a", "unix:/s=a@b;c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSocket(text)
		if err != nil {
			return
		}
		for _, b := range s.Backends {
			if !word(b.Name) || b.Service == "" || s.Address == "" {
				t.Errorf("%q is taken: %+v", text, s)
			}
		}
	})
}
