package prom

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// Connection says where a server is, how to talk to it and, where its history
// is wanted, which part. Nothing of it that is secret is ever printed.
type Connection struct {
	Address    string        // the URL, possibly with user:password
	Since      time.Duration // the newest history of this length; 0 when Start says
	Start, End time.Time     // zero: as Since says, and until now
	Schema     string        // a built-in's name or a file; empty when not given
	HTTP       config.HTTPClientConfig
}

// connectionFile is the text of a source file.
type connectionFile struct {
	Prometheus string                  `yaml:"prometheus"`
	Since      string                  `yaml:"since"`
	Start      string                  `yaml:"start"`
	End        string                  `yaml:"end"`
	Schema     string                  `yaml:"schema"`
	HTTP       config.HTTPClientConfig `yaml:"http"`
}

// LoadConnection takes the URL of a server, or the name of a source file.
func LoadConnection(address string) (*Connection, error) {
	if stat, err := os.Stat(address); err == nil && stat.Mode().IsRegular() && !strings.Contains(address, "://") {
		text, err := os.ReadFile(address)
		if err != nil {
			return nil, err
		}
		return ParseConnection(address, text)
	}
	c := &Connection{Address: address, HTTP: config.DefaultHTTPClientConfig}
	c.HTTP.ProxyFromEnvironment = true
	_, err := c.url()
	return c, err
}

// ParseConnection reads the text of a source file:
//
//	prometheus: https://mimir.example/prometheus   # what speaks Prometheus' HTTP API
//	since: 14d          # or start: and end: (RFC 3339); only where history is wanted;
//	                    # as a recording it ends at the last round time: of 14d, a quarter of a day
//	schema: lab         # optional; a file is looked for beside this one
//	http:               # as in Prometheus' own configuration
//	  authorization: {credentials_file: token}
//	  tls_config: {ca_file: ca.pem}
//	  http_headers: {X-Scope-OrgID: {values: [team-a]}}
//
// Relative names of files are relative to the source file (name). Errors name
// it and the line.
func ParseConnection(name string, text []byte) (*Connection, error) {
	file := connectionFile{HTTP: config.DefaultHTTPClientConfig}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	failed := decoder.Decode(&file)
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil && failed == nil {
		failed = err
	}
	if failed != nil {
		return nil, connectionError(name, failed, &root)
	}
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		return nil, fmt.Errorf("%s: a second document follows the first; want one server a file", name)
	}
	c, problem := file.connection()
	if problem != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, problem.line(&root), problem.err)
	}
	directory := filepath.Dir(name)
	c.HTTP.SetDirectory(directory)
	if beside := filepath.Join(directory, c.Schema); c.Schema != "" {
		if stat, err := os.Stat(beside); err == nil && stat.Mode().IsRegular() {
			c.Schema = beside
		}
	}
	return c, nil
}

func (f *connectionFile) connection() (*Connection, *misstep) {
	c := &Connection{Address: f.Prometheus, Schema: f.Schema, HTTP: f.HTTP}
	u, err := c.url()
	if err != nil {
		return nil, wrong(err, "prometheus")
	}
	if u.User != nil && (c.HTTP.BasicAuth != nil || c.HTTP.Authorization != nil || c.HTTP.OAuth2 != nil) {
		return nil, wrong(errors.New("both the URL and http give credentials; want one of them"), "prometheus")
	}
	if f.Since != "" && f.Start != "" {
		return nil, wrong(errors.New("both since and start are given; want one of them"), "since")
	}
	if f.Since != "" {
		if c.Since, err = span(f.Since); err != nil {
			return nil, wrong(fmt.Errorf("since: %w", err), "since")
		}
	}
	for _, x := range []struct {
		key, text string
		into      *time.Time
	}{{"start", f.Start, &c.Start}, {"end", f.End, &c.End}} {
		if x.text == "" {
			continue
		}
		if *x.into, err = time.Parse(time.RFC3339, x.text); err != nil {
			return nil, wrong(fmt.Errorf("%s is %q; want a time such as 2026-01-31T12:00:00Z", x.key, x.text), x.key)
		}
	}
	if !c.End.IsZero() && !c.Start.IsZero() && !c.End.After(c.Start) {
		return nil, wrong(fmt.Errorf("end %s is not after start %s", f.End, f.Start), "end")
	}
	return c, nil
}

// url checks the address. Its errors do not show what may hold a password.
func (c *Connection) url() (*url.URL, error) {
	const want = "want one such as http://127.0.0.1:9090, or a source file"
	if c.Address == "" {
		return nil, errors.New("the URL of Prometheus is missing; " + want)
	}
	u, err := url.Parse(c.Address)
	if strings.Contains(c.Address, "@") && (err != nil || u.User == nil) {
		return nil, errors.New("the URL of Prometheus is none (not shown: it may hold a password); write special characters as %40 and the like; " + want)
	}
	if err != nil {
		return nil, fmt.Errorf("the URL of Prometheus: %w; %s", err, want)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the URL of Prometheus is %q; %s", shown(u), want)
	}
	return u, nil
}

// shown is a URL without what may be secret.
func shown(u *url.URL) string {
	bare := *u
	bare.RawQuery, bare.Fragment = "", ""
	return bare.Redacted()
}

// Identity tells servers, and tenants of one server, apart: the URL and the
// user without the password, a hash in place of the URL's arguments, which may
// hold a key, and the headers that are no secrets.
func (c *Connection) Identity() string {
	u, err := c.url()
	if err != nil {
		return ""
	}
	if name := u.User.Username(); name != "" {
		u.User = url.User(name)
	} else if u.User = nil; c.HTTP.BasicAuth != nil && c.HTTP.BasicAuth.Username != "" {
		u.User = url.User(c.HTTP.BasicAuth.Username)
	}
	arguments := u.RawQuery
	u.RawQuery = ""
	id := strings.TrimRight(u.String(), "/")
	if arguments != "" {
		id += fmt.Sprintf("?%.4x", sha256.Sum256([]byte(arguments)))
	}
	if c.HTTP.HTTPHeaders == nil {
		return id
	}
	for _, name := range slices.Sorted(maps.Keys(c.HTTP.HTTPHeaders.Headers)) {
		h := c.HTTP.HTTPHeaders.Headers[name]
		if values := slices.Concat(h.Values, h.Files); len(values) > 0 {
			id += fmt.Sprintf(" %s=%s", strings.ToLower(name), strings.Join(values, ","))
		}
	}
	return id
}

// IsConnection reports whether the file at path is a source file: by its name,
// or else by its first lines.
func IsConnection(path string) bool {
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		stat, err := os.Stat(path)
		return err == nil && stat.Mode().IsRegular()
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, 1<<14)
	n, _ := io.ReadFull(file, head)
	return connectionLine.Match(head[:n])
}

var connectionLine = regexp.MustCompile(`(?m)^["']?prometheus["']?:\s*["']?https?://`)

// connectionError puts the file and the line before what is wrong, and takes
// out what may be secret. What http refuses as a whole has the line of http.
func connectionError(name string, err error, root *yaml.Node) error {
	line, message := yamlMessage("source file", err)
	message = hideSecrets(namedAnchor.ReplaceAllString(message, "anchor"), root, false)
	switch {
	case line != "":
		return fmt.Errorf("%s:%s: %s", name, line, message)
	case len(root.Content) > 0:
		return fmt.Errorf("%s:%d: http: %s", name, wrong(nil, "http").line(root), message)
	}
	return fmt.Errorf("%s: %s", name, message)
}

// namedAnchor is how yaml speaks of a value that begins with *.
var namedAnchor = regexp.MustCompile(`anchor '[^']*'`)

// secretKeys are those of Prometheus' HTTP settings whose values are secret,
// or may hold a secret.
var secretKeys = regexp.MustCompile(`^(prometheus|credentials|password|client_secret|client_certificate_key|bearer_token|key|secrets|proxy_url|token_url|proxy_connect_header)$`)

// hideSecrets replaces what stands under a secret key of the file.
func hideSecrets(message string, node *yaml.Node, secret bool) string {
	if node.Kind == yaml.ScalarNode && secret && len(node.Value) > 2 {
		for _, form := range []string{fmt.Sprintf("%q", node.Value), node.Value} {
			message = strings.ReplaceAll(message, form, "<secret>")
		}
	}
	for i, c := range node.Content {
		under := secret
		if node.Kind == yaml.MappingNode && i%2 == 1 {
			under = secret || secretKeys.MatchString(node.Content[i-1].Value)
		}
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			message = hideSecrets(message, c, under)
		}
	}
	return message
}
