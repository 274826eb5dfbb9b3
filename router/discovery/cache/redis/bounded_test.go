package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// TestEvilAnswers: whoever answers in place of a Redis cannot have the process make
// room for what it says will come.
func TestEvilAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"a terabyte":           "$1099511627776\r\n",
		"more than there is":   "$9223372036854775807\r\n",
		"beyond numbers":       "$99999999999999999999999\r\n",
		"less than nothing":    "$-5\r\n",
		"no number":            "$?\r\n",
		"a long list":          "*1000000000\r\n",
		"lists of lists":       strings.Repeat("*1\r\n", 100_000),
		"lists beside values":  strings.Repeat("*2\r\n:1\r\n", 100_000),
		"a line without end":   "+" + strings.Repeat("x", 1<<20),
		"a map":                "%1000000000\r\n",
		"a text of RESP 3":     "=1000000000\r\n",
		"an attribute":         "|1000000000\r\n",
		"HTTP":                 "HTTP/1.1 400 Bad Request\r\n\r\n",
		"nothing":              "\r\n",
		"a type without value": "$\r\n",
		"an end":               "",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = conn.Write([]byte(answer)) // it may hang up before all is told
					conn.Close()
				}
			}()
			defer func() { l.Close(); <-done }()
			r, err := New("redis://"+l.Addr().String(), "test")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			text, err := r.Get(t.Context(), "k")
			runtime.ReadMemStats(&after)
			if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cache.ErrNone) {
				t.Errorf("got %d bytes, %v", len(text), err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("it took %d bytes of memory for %v", took, err)
			}
		})
	}
}

// TestWhole passes what is no longer than an entry can be.
func TestWhole(t *testing.T) {
	for _, n := range []int{0, 1, cache.MostText} {
		b := &bounded{}
		answer := fmt.Appendf(nil, "$%d\r\n%s\r\n+OK\r\n", n, bytes.Repeat([]byte("\n"), n))
		if err := b.pass(answer); err != nil || b.rest != 0 || len(b.line) != 0 {
			t.Errorf("%d: %v, %d are to come", n, err, b.rest)
		}
	}
	greeting := "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*1\r\n*2\r\n+name\r\n*0\r\n"
	b := &bounded{}
	for range 20 {
		if err := b.pass([]byte(greeting)); err != nil || len(b.open) != 0 {
			t.Errorf("a greeting: %v, %v open", err, b.open)
		}
	}
	if err := new(bounded).pass(fmt.Appendf(nil, "$%d\r\n", cache.MostText+1)); err == nil {
		t.Error("a longer one was taken")
	}
}

// FuzzBounded: however answers come in parts, the same is made of them, and never more
// is kept than a line.
func FuzzBounded(f *testing.F) {
	f.Add([]byte("+OK\r\n$5\r\nhello\r\n:1\r\n$-1\r\n-ERR no\r\n"), uint8(3))
	f.Add([]byte("$33554433\r\n"), uint8(1))
	f.Add([]byte("*1\r\n%1\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, answer []byte, size uint8) {
		whole, parts := &bounded{}, &bounded{}
		want := whole.pass(answer)
		var got error
		for rest := answer; len(rest) > 0 && got == nil; {
			n := min(int(size)+1, len(rest))
			got = parts.pass(rest[:n])
			rest = rest[n:]
			if len(parts.line) > mostLine+n {
				t.Fatalf("%d bytes are kept", len(parts.line))
			}
		}
		if (want == nil) != (got == nil) || want == nil && (whole.rest != parts.rest || !slices.Equal(whole.open, parts.open) || !bytes.Equal(whole.line, parts.line)) {
			t.Errorf("whole: %v, %d; in parts: %v, %d", want, whole.rest, got, parts.rest)
		}
	})
}
