package prom

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh/porttest"
)

const fullConnection = `prometheus: https://mimir.example/prometheus
since: 14d
schema: shop.yaml
http:
  authorization: {credentials_file: token}
  tls_config: {ca_file: ca.pem}
  http_headers: {X-Scope-OrgID: {values: [team-a]}}
`

func TestConnectionFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "source.yaml")
	for file, text := range map[string]string{name: fullConnection, filepath.Join(dir, "shop.yaml"): "name: x"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := LoadConnection(name)
	if err != nil {
		t.Fatal(err)
	}
	if c.Since != 14*24*time.Hour || c.Address != "https://mimir.example/prometheus" || c.Schema != filepath.Join(dir, "shop.yaml") {
		t.Errorf("got %+v", c)
	}
	if got := c.HTTP.Authorization.CredentialsFile; got != filepath.Join(dir, "token") {
		t.Errorf("token %s", got)
	}
	if got := c.HTTP.TLSConfig.CAFile; got != filepath.Join(dir, "ca.pem") {
		t.Errorf("ca %s", got)
	}
	if !c.HTTP.EnableHTTP2 || !c.HTTP.FollowRedirects {
		t.Error("the defaults of prometheus/common are lost")
	}
	if got := c.Identity(); got != "https://mimir.example/prometheus x-scope-orgid=team-a" {
		t.Errorf("identity %q", got)
	}
	if !IsConnection(name) {
		t.Error("not recognised by its name")
	}
	other := filepath.Join(dir, "source")
	if err := os.WriteFile(other, []byte("# mine\n"+fullConnection), 0o600); err != nil {
		t.Fatal(err)
	}
	if !IsConnection(other) || IsConnection(filepath.Join(dir, "none.yaml")) || IsConnection(dir) {
		t.Error("not recognised by its first lines, or too much is")
	}
}

func TestConnectionFileRefuses(t *testing.T) {
	for _, c := range []struct{ text, line, says string }{
		{"", "", "empty"},
		{"since: 1h\n", ":1:", "URL of Prometheus is missing"},
		{"prometheus: ftp://x\n", ":1:", "ftp"},
		{"prometheus: http://x\nsteps: 1\n", ":2:", "steps"},
		{"prometheus: http://x\nhttp:\n  authorisation: {}\n", ":3:", "authorisation"},
		{"prometheus: http://x\nhttp:\n  tls_config:\n    ca-file: x\n", ":4:", "ca-file"},
		{"prometheus: http://x\nsince: soon\n", ":2:", "since"},
		{"prometheus: http://x\nsince: 0s\n", ":2:", "since"},
		{"prometheus: http://x\nsince: 1h\nstart: 2026-01-31T12:00:00Z\n", ":2:", "both"},
		{"prometheus: http://x\nstart: yesterday\n", ":2:", "yesterday"},
		{"prometheus: http://x\nstart: 2026-01-31T12:00:00Z\nend: 2026-01-31T12:00:00Z\n", ":3:", "not after"},
		{"prometheus: http://x\n---\nprometheus: http://y\n", "", "second document"},
		{"prometheus: http://x\nhttp: {basic_auth: {username: a, password: hunter22}, authorization: {credentials: hunter22}}\n", ":2:", "at most one of"},
		{"prometheus: http://x\nhttp: {authorization: {credentials: [hunter22]}}\n", ":2:", "seq"},
		{"prometheus: http://x\nhttp: {authorization: {credentials: *hunter22}}\n", "", "anchor"},
		{"prometheus: http://x\nhttp: {proxy_url: 'http://u:hunter22@[::1'}\n", ":2:", "http:"},
		{"prometheus: http://u:hunter22@x\nhttp: {basic_auth: {username: a, password: hunter22}}\n", ":1:", "both the URL and http"},
		{"prometheus: 'http://u:hunter22/x@y'\n", ":1:", "may hold a password"},
		{"prometheus: {hunter22: 1}\n", ":1:", "map"},
		{"- hunter22\n", ":1:", "seq"},
		{"hunter22\n", ":1:", "str"},
	} {
		_, err := ParseConnection("s.yaml", []byte(c.text))
		if err == nil {
			t.Errorf("accepted: %s", c.text)
			continue
		}
		if message := err.Error(); !strings.HasPrefix(message, "s.yaml"+c.line) || !strings.Contains(message, c.says) || strings.Contains(message, "hunter22") || strings.Contains(message, "\n") {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestLoadConnectionHidesPasswords(t *testing.T) {
	for _, address := range []string{"http://u:hunter22/x@y", "ftp://u:hunter22@y", "u:hunter22@y:9090", "http://u:hunter22@[::1"} {
		if _, err := LoadConnection(address); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v", address, err)
		}
	}
	c, err := LoadConnection("http://u:hunter22@y/")
	if err != nil || c.Identity() != "http://u@y" {
		t.Errorf("identity %q, %v", c.Identity(), err)
	}
	one, err := LoadConnection("http://" + porttest.Address(t) + "/x?apikey=hunter22")
	if err != nil || strings.Contains(one.Identity(), "hunter22") || !strings.Contains(one.Identity(), "/x?") {
		t.Errorf("identity %q, %v", one.Identity(), err)
	}
	s, err := Connect(one, LiveLimits())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Metrics(t.Context()); err == nil || strings.Contains(err.Error(), "hunter22") || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseConnection(f *testing.F) {
	f.Add([]byte(fullConnection))
	f.Add([]byte("prometheus: http://u:p@x\nhttp: {proxy_url: 'http://[', basic_auth: {password: [1]}}\n"))
	f.Add([]byte("prometheus: http://x\nhttp: {oauth2: {client_id: a, token_url: b, claims: {x: 1}}}\n"))
	f.Add([]byte("prometheus: &a http://x\nschema: *a\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConnection("s.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml") {
				t.Errorf("error without the file: %v", err)
			}
			return
		}
		if c.Identity() == "" {
			t.Errorf("accepted without a server: %q", text)
		}
	})
}
