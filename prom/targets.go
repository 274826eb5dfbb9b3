package prom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// Target is one that a Prometheus scrapes.
type Target struct {
	// Found are the labels that it was found with, before any rule of relabelling:
	// __address__, __meta_….
	Found map[string]string `json:"discoveredLabels"`
	// Labels are those of its metrics: job, instance.
	Labels map[string]string `json:"labels"`
	// URL is what is scraped.
	URL string `json:"scrapeUrl"`
	// Health is that of its last scrape: up, down, or unknown before the first.
	Health string `json:"health"`
}

// Bounds of an answer: so many targets, some 4 KiB each.
const (
	mostTargets    = 50_000
	longestTargets = 64 << 20
)

// Targets is all that the server scrapes now, those that it drops left out. Only a
// Prometheus knows, and its agent, VictoriaMetrics' vmagent and single server, and
// Thanos, which asks them: not Mimir, to which others write.
func (s *Server) Targets(ctx context.Context) ([]Target, error) {
	u := s.wire.URL("/api/v1/targets", nil)
	u.RawQuery += "&state=active"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.url, err)
	}
	response, body, err := s.wire.Do(context.WithValue(ctx, shorter{}, int64(longestTargets)), request)
	if err == nil {
		err = refused(response, body)
	}
	var warnings v1.Warnings
	var targets []Target
	if err == nil {
		targets, warnings, err = readTargets(body)
	}
	if err = s.sound(err, warnings); err != nil {
		return nil, fmt.Errorf("%s: targets: %w", s.url, err)
	}
	return targets, nil
}

// refused is the error of an answer that is none, as v1.API would make it.
func refused(response *http.Response, body []byte) error {
	if response.StatusCode/100 == 2 {
		return nil
	}
	var said struct{ Error string }
	json.Unmarshal(body, &said) // what is not JSON is told as it is
	if said.Error == "" {
		said.Error = string(body)
	}
	e := &v1.Error{Type: v1.ErrClient, Msg: fmt.Sprintf("client error: %d", response.StatusCode), Detail: said.Error}
	if response.StatusCode >= 500 {
		e.Type, e.Msg = v1.ErrServer, fmt.Sprintf("server error: %d", response.StatusCode)
	}
	if response.StatusCode == http.StatusNotFound {
		e.Detail = "it has no targets: name the Prometheus that scrapes"
	}
	return e
}

// readTargets reads an answer one target at a time: many small ones would take far more
// memory than their text.
func readTargets(body []byte) (targets []Target, warnings v1.Warnings, err error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	status := ""
	err = fields(decoder, func(name string) error {
		switch name {
		case "status":
			return decoder.Decode(&status)
		case "warnings":
			return decoder.Decode(&warnings)
		case "data":
			return fields(decoder, func(name string) error {
				if name != "activeTargets" {
					return skip(decoder)
				}
				targets, err = targetList(decoder)
				return err
			})
		}
		return skip(decoder)
	})
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the answer is not one of Prometheus' API: %w", err)
	case status != "success" || targets == nil:
		return nil, nil, errors.New("the answer is not one of Prometheus' API: it has no activeTargets")
	}
	return targets, warnings, nil
}

func targetList(decoder *json.Decoder) ([]Target, error) {
	targets := []Target{}
	if open, err := decoder.Token(); err != nil || open == nil { // null: none
		return targets, err
	} else if open != json.Delim('[') {
		return nil, errors.New("activeTargets is no list")
	}
	for decoder.More() {
		if len(targets) == mostTargets {
			return nil, fmt.Errorf("more than %d targets", mostTargets)
		}
		var t Target
		if err := decoder.Decode(&t); err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	_, err := decoder.Token()
	return targets, err
}

// fields walks through an object; read takes the value of each field.
func fields(decoder *json.Decoder, read func(name string) error) error {
	if open, err := decoder.Token(); err != nil {
		return err
	} else if open != json.Delim('{') {
		return errors.New("an object is missing")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		if err := read(name.(string)); err != nil { // a name is text, or Token fails
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

func skip(decoder *json.Decoder) error { return decoder.Decode(new(json.RawMessage)) }
