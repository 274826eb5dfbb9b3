package main

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHAProxyFlags(t *testing.T) {
	rules := write(t, "rules.yaml", tinyRules)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--haproxy-runtime", "shop"}, "SOCKET=SERVICE"},
		{[]string{"--haproxy-runtime", "unix:/s=shop", "--haproxy-runtime", "unix:/s=cart"}, "twice"},
		{[]string{"--haproxy-restore"}, "--haproxy-runtime"},
		{[]string{"--haproxy-spoe", "here"}, "--haproxy-spoe"},
	} {
		if _, err := parse(append([]string{"--rules", rules}, test.args...), io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v; want %q in it", test.args, err, test.want)
		}
	}
	const given = "unix:/s=shop 127.0.0.1:1=a,b@c"
	o, err := parse([]string{"--rules", rules, "--haproxy-runtime", given}, io.Discard)
	if err != nil || o.haproxySockets.String() != given {
		t.Errorf("%s is %s, %v", given, &o.haproxySockets, err)
	}
}

// TestHAProxyServed: the daemon listens for SPOE, and looks for HAProxy at its socket.
func TestHAProxyServed(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, "--rules", write(t, "rules.yaml", tinyRules), "--haproxy-spoe", "127.0.0.1:0", "--haproxy-runtime", "unix:"+socket+"=shop")
	if !p.more.Scan() {
		t.Fatal("no address of SPOE is told")
	}
	address, told := strings.CutPrefix(p.more.Text(), "haproxy-spoe ")
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil || !told {
		t.Fatalf("%q: %v", p.more.Text(), err)
	}
	conn.Close()
	asked, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	text := make([]byte, 100)
	if n, err := asked.Read(text); string(text[:n]) != "show servers state shop\n" || err != nil {
		t.Errorf("HAProxy is asked %q, %v", text[:n], err)
	}
}
