package accesslog

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// traefik reads Traefik's JSON. Its text tells times in whole seconds and no
// service: it is not read.
type traefik struct{}

func (traefik) parse(line string, e *entry) error {
	f, err := objectOf(line)
	if err != nil {
		return err
	}
	if !f.any("StartUTC", "StartLocal") || !f.any("DownstreamStatus", "OriginStatus") {
		return errAlien
	}
	r := datasets.Request{
		Service: f.first("ServiceName", "RouterName"), Endpoint: traefikEndpoint(f),
		Method: f["RequestMethod"], Path: plainPath(f["RequestPath"]),
	}
	if r.Time, err = instant(f.first("StartUTC", "StartLocal"), time.UTC); err != nil {
		return err
	}
	took := f.first("Duration", "OriginDuration")
	if took == "" {
		return errors.New("neither Duration nor OriginDuration is in the JSON")
	}
	ns, err := amount("the duration", took)
	if err != nil {
		return err
	}
	r.Latency = seconds(ns / 1e9)
	if r.Status, err = statusOf(f.first("DownstreamStatus", "OriginStatus")); err != nil {
		return err
	}
	if n, err := strconv.Atoi(f["RetryAttempts"]); err == nil && n > 0 {
		e.unnamed += n // Traefik names the last endpoint that it tried
	}
	return e.add(r)
}

// traefikEndpoint is host:port. ServiceURL is a string, or in older versions an
// object.
func traefikEndpoint(f fields) string {
	if at := f.first("ServiceAddr", "ServiceURL.Host"); at != "" {
		return at
	}
	if u, err := url.Parse(f["ServiceURL"]); err == nil && u.Host != "" {
		return u.Host
	}
	return ""
}
