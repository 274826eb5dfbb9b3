package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// served is a fairwayd of its own registry, with a client that the lab's requests
// follow.
type served struct {
	registry *model.Directory
	daemon   *daemon
	admin    string
	client   *client.Client
	watching chan error
	stop     context.CancelFunc
}

// serveModel publishes m in a new registry and starts a daemon on it and on the metrics.
func serveModel(ctx context.Context, log io.Writer, program, directory, prometheus string, m *model.Model) (*served, error) {
	registry, err := model.OpenDirectory(directory)
	if err != nil {
		return nil, err
	}
	if _, err := registry.Publish(ctx, m); err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(ctx, log, program, "--model", directory, "--prometheus", prometheus, "--admin", admin, "--state", directory+"-state")
	if err != nil {
		return nil, err
	}
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Credentials, cfg.Clock, cfg.Seed = []string{d.address}, insecure.NewCredentials(), time.Now, 1
	c, err := client.Dial(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w (and %v)", err, d.stop())
	}
	watch, stop := context.WithCancel(ctx)
	s := &served{registry: registry, daemon: d, admin: admin, client: c, watching: make(chan error, 1), stop: stop}
	go func() { s.watching <- c.Watch(watch, nil, nil) }()
	return s, nil
}

func (s *served) close() error {
	s.stop()
	<-s.watching
	if err := s.client.Close(); err != nil {
		return err
	}
	return s.daemon.stop()
}

// choose is the lab's chooser: none, before the daemon has told any weights.
func (s *served) choose(service string, c lab.Class) string {
	choice := s.client.Pick(service, &mesh.Request{Method: c.Method, Path: c.Path})
	if choice.Endpoint == nil {
		return ""
	}
	return choice.Endpoint.Name
}

// metric is the sum of the daemon's series of that name whose labels contain all
// texts; 0 where there is none.
func (s *served) metric(ctx context.Context, name string, texts ...string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' || !containsAll(rest, texts) {
			continue
		}
		x, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum += x
	}
	return sum, nil
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// await asks for a metric until it is what is wanted, and returns when that was; an
// error after patience.
func (s *served) await(ctx context.Context, patience time.Duration, is func(float64) bool, name string, texts ...string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		x, err := s.metric(ctx, name, texts...)
		if err == nil && is(x) {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s%v is %v after %v (%v): %w", name, texts, x, patience, err, ctx.Err())
		case err := <-s.daemon.ended:
			s.daemon.ended <- err
			return time.Time{}, fmt.Errorf("fairwayd ended by itself: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
