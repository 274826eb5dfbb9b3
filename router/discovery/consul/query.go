package consul

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
)

// client asks Consul. Any number of goroutines may use it.
type client struct {
	Config
	http  *http.Client
	shown string // the address without what is secret
}

func newClient(cfg Config) (*client, error) {
	h, err := config.NewClientFromConfig(cfg.HTTP, "consul", config.WithUserAgent("fairway"))
	if err != nil {
		return nil, fmt.Errorf("consul discovery: http: %w", err)
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u, err := url.Parse(cfg.Address)
	if err != nil {
		return nil, errors.New("consul discovery: the address is no URL")
	}
	return &client{cfg, h, u.Redacted()}, nil
}

// ask makes one blocking query: it is answered when what it asks for is newer than
// index, or after wait; at once where index is 0. The index of the answer is that for
// the next.
func (c *client) ask(ctx context.Context, path string, index uint64, wait time.Duration) (body []byte, next uint64, err error) {
	arguments := url.Values{}
	for name, v := range map[string]string{"dc": c.Datacenter, "ns": c.Namespace, "partition": c.Partition} {
		if v != "" {
			arguments.Set(name, v)
		}
	}
	if index > 0 {
		arguments.Set("index", strconv.FormatUint(index, 10))
		arguments.Set("wait", wait.String())
	}
	limited, cancel := context.WithTimeout(ctx, wait+wait/16+c.Timeout) // Consul adds up to a sixteenth
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, strings.TrimRight(c.Address, "/")+path+"?"+arguments.Encode(), nil)
	if err != nil {
		return nil, 0, fmt.Errorf("consul %s: the address is no URL", c.shown)
	}
	token := c.Token
	if c.TokenFile != "" {
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, 0, fmt.Errorf("consul %s: token: %w", c.shown, err)
		}
		token = strings.TrimSpace(string(text))
	}
	if token != "" {
		request.Header.Set("X-Consul-Token", token)
	}
	response, err := c.http.Do(request)
	var unsent *url.Error
	if errors.As(err, &unsent) {
		err = unsent.Err // of all services the same
	}
	if err != nil {
		return nil, 0, fmt.Errorf("consul %s: %w", c.shown, err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, longestAnswer+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("consul %s: %w", c.shown, err)
	case response.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("consul %s: %s", c.shown, refusal(response, body))
	case len(body) > longestAnswer:
		return nil, 0, fmt.Errorf("consul %s: %s: the answer is longer than %d MiB", c.shown, path, longestAnswer>>20)
	}
	next, err = strconv.ParseUint(response.Header.Get("X-Consul-Index"), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("consul %s: the answer has no X-Consul-Index: is it Consul's HTTP API?", c.shown)
	}
	return body, following(index, next), nil
}

// following is the index of the next query: from the beginning where it goes back, and
// at least 1, so that a query waits. See Consul's page on blocking queries.
func following(index, next uint64) uint64 {
	if next < index {
		return 0
	}
	return max(next, 1)
}

// refusal says what an answer that is none says, and what to do.
func refusal(response *http.Response, body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 200)]))
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += "; the token needs node:read and service:read of what is to be found"
	case http.StatusTooManyRequests:
		text += "; raise limits.http_max_conns_per_client of the agent, or name fewer services"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		text = "name the place that it leads to, " + response.Header.Get("Location")
	}
	return response.Status + ": " + text
}

// readNames reads the catalog's services and what they are tagged with.
func readNames(body []byte) ([]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("the catalog is no map of services: is it Consul's HTTP API?")
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("the catalog: %w", err)
		}
		var tags json.RawMessage
		if err := decoder.Decode(&tags); err != nil {
			return nil, fmt.Errorf("the catalog: %w", err)
		}
		if text := name.(string); text != "" && text != "consul" { // a name is text, or Token fails
			names = append(names, text)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("the catalog: %w", err)
	}
	return names, nil
}

// readInstances reads them one at a time: many small ones would take far more memory
// than their text.
func readInstances(body []byte) ([]instance, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('[') {
		return nil, errors.New("it is no list of instances: is it Consul's HTTP API?")
	}
	var all []instance
	for decoder.More() {
		if len(all) == mostInstances {
			return nil, fmt.Errorf("it has more than %d instances", mostInstances)
		}
		var i instance
		if err := decoder.Decode(&i); err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	_, err := decoder.Token()
	return all, err
}
