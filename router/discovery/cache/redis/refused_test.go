package redis_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis/redistest"
)

// say has a server told something, by who may.
func say(t *testing.T, s *redistest.Server, password string, args ...any) string {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Network: "unix", Addr: s.Socket(), Password: password, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	defer client.Close()
	answer, err := client.Do(t.Context(), args...).Text()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// certificate writes a certificate of 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}

// asks reads and writes once.
func asks(t *testing.T, url string) (read, written error) {
	t.Helper()
	r, err := redis.New(url, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, read = r.Get(ctx, "k")
	return read, r.Put(ctx, "k", time.Now(), []byte("text"))
}

const none = "no such entry"

// refusals are what a Redis that does not do what is asked says, and what an operator is
// to do.
func refuses(t *testing.T, url, read, written string) {
	t.Helper()
	onRead, onWrite := asks(t, url)
	for _, c := range []struct {
		what, want string
		err        error
	}{{"reading", read, onRead}, {"writing", written, onWrite}} {
		if (c.err == nil) != (c.want == "") || c.err != nil && !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.what, c.err, c.want)
		}
		if c.err != nil && strings.Contains(c.err.Error(), "hunter2") {
			t.Errorf("%s tells the password: %v", c.what, c.err)
		}
	}
}

func TestPasswords(t *testing.T) {
	s := redistest.Start(t, strings.Fields("--requirepass hunter2"+
		" --user fair on >hunter2fair ~fairway:* -@all +hget +hset +pexpire +del +time +evalsha +eval +select"+
		" --user blind on >hunter2blind ~fairway:* -@all"+
		" --user reader on >hunter2reader ~fairway:* -@all +hget"+
		" --user other on >hunter2other ~other:* +@all")...)
	at := func(who string) string { return "unix://" + who + s.Socket() }
	const wrong, rights = "it does not know this user, or not by this password", "the user may not do that: ACL SETUSER"
	refuses(t, at(""), "it wants a password", "it wants a password")
	refuses(t, at(":hunter2@"), none, "")
	refuses(t, at(":hunter22@"), wrong, wrong)
	refuses(t, at("fair:hunter2fair@"), "", "")
	refuses(t, at("fair:hunter2fair@")+"?db=3", none, "")
	refuses(t, at("fair:hunter2@"), wrong, wrong)
	refuses(t, at("nobody:hunter2@"), wrong, wrong)
	refuses(t, at("blind:hunter2blind@"), rights, rights)
	refuses(t, at("reader:hunter2reader@"), "", rights)
	refuses(t, at("other:hunter2other@"), rights, rights)
	refuses(t, at(":hunter2@")+"?db=99", "it has no database of the number", "it has no database of the number")
	open := redistest.Start(t)
	refuses(t, "unix://:hunter2@"+open.Socket(), none, "") // the client does not mind
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	s := redistest.Start(t, "--tls-port", "PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	refuses(t, "rediss://127.0.0.1:"+s.Port(), "SSL_CERT_FILE names a file", "SSL_CERT_FILE names a file")
	refuses(t, "rediss://127.0.0.1:"+s.Port()+"?skip_verify=true", none, "")
	refuses(t, "redis://127.0.0.1:"+s.Port(), "where it wants TLS: rediss://", "where it wants TLS: rediss://")
	strict := redistest.Start(t, "--tls-port", "PORT", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert)
	refuses(t, "rediss://127.0.0.1:"+strict.Port()+"?skip_verify=true", "certificates of its clients", "certificates of its clients")
	plain := redistest.Start(t, "--port", "PORT")
	refuses(t, "redis://127.0.0.1:"+plain.Port(), none, "")
	r, err := redis.New("rediss://127.0.0.1:"+plain.Port(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "where it speaks none there") {
		t.Errorf("TLS where there is none: %v", err)
	}
}

func TestCluster(t *testing.T) {
	const not = "it is one of a cluster, which is not supported"
	member := func() *redistest.Server {
		return redistest.Start(t, "--port", "PORT", "--cluster-enabled", "yes", "--cluster-port", "0", "--appendonly", "no", "--cluster-node-timeout", "2000")
	}
	one, two := member(), member()
	refuses(t, one.URL(), "CLUSTERDOWN", not)
	refuses(t, one.URL()+"?db=1", not, not)
	say(t, two, "", "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	say(t, one, "", "CLUSTER", "MEET", "127.0.0.1", two.Port())
	eventually(t, "the one knows that the other has all", func() bool {
		read, _ := asks(t, one.URL())
		return read != nil && strings.HasPrefix(read.Error(), "MOVED")
	})
	refuses(t, one.URL(), not, not)
}

func TestFullOrReadOnly(t *testing.T) {
	full := redistest.Start(t, "--maxmemory", "1000", "--maxmemory-policy", "noeviction")
	refuses(t, full.URL(), none, "its memory is full")
	first := redistest.Start(t, "--port", "PORT")
	copied := redistest.Start(t, "--replicaof", "127.0.0.1 "+first.Port())
	refuses(t, copied.URL(), none, "it is a read-only copy of another")
	first.Kill()
	say(t, copied, "", "CONFIG", "SET", "replica-serve-stale-data", "no")
	eventually(t, "the copy has lost the first", func() bool {
		read, _ := asks(t, copied.URL())
		return read != nil && strings.Contains(read.Error(), "that it does not reach")
	})
}

// TestForeign: what is no entry under one key costs the others nothing.
func TestForeign(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "no")
	say(t, s, "", "SET", "fairway:test:string", "x")
	say(t, s, "", "EVAL", "redis.call('HSET', KEYS[1], 'entry', string.rep('x', 32 * 1024 * 1024 + 1)) return 'ok'", 1, "fairway:test:huge")
	say(t, s, "", "EVAL", "redis.call('HSET', KEYS[1], 'other', 'x') return 'ok'", 1, "fairway:test:other")
	c, err := cache.New(config(), layer(t, s, "test"))
	if err != nil {
		t.Fatal(err)
	}
	r := layer(t, s, "test")
	if err := r.Put(t.Context(), "ours", time.Now(), []byte("text")); err != nil {
		t.Fatal(err)
	}
	for range 10 { // more than any circuit bears
		for _, key := range []string{"string", "huge", "other"} {
			if e, ok := c.Get(t.Context(), key); ok {
				t.Fatalf("%s: %d bytes", key, len(e.Value))
			}
			if text, err := r.Get(t.Context(), "ours"); err != nil || string(text) != "text" {
				t.Fatalf("got %q, %v", text, err)
			}
		}
	}
	if _, err := r.Get(t.Context(), "huge"); err == nil || !strings.Contains(err.Error(), "larger than any entry: 33554433 bytes") {
		t.Error(err)
	}
	if _, err := r.Get(t.Context(), "other"); err != cache.ErrNone {
		t.Error(err)
	}
	for _, key := range []string{"string", "huge", "other"} {
		if err := r.Put(t.Context(), key, time.Now(), []byte("ours now")); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if text, err := r.Get(t.Context(), key); err != nil || string(text) != "ours now" {
			t.Errorf("%s: got %q, %v", key, text, err)
		}
	}
}

func TestLocal(t *testing.T) {
	for url, want := range map[string]bool{
		"redis://localhost": true, "redis://127.0.0.1:7000": true, "rediss://[::1]:7000": true, "unix:///run/redis.sock": true, "redis://127.8.0.1": true,
		"redis://redis.shop.svc:6379": false, "redis://10.0.0.1": false, "rediss://[fd00::1]:6379": false, "redis://0.0.0.0:6379": false,
	} {
		r, err := redis.New(url, "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Local() != want {
			t.Errorf("%s: %v", url, r.Local())
		}
		r.Close()
	}
}
