package discovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// kept is all that one source said, in the cache.
type kept struct {
	Format   string     `json:"format"`
	Version  int        `json:"version"`
	Source   string     `json:"source"`
	Services []*Service `json:"services"`
}

const keptFormat, keptVersion = "fairway-services", 1

// recall begins with what the cache holds of each source, and tells it who knows more.
func (d *Directory) recall() {
	if d.cfg.Cache == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), d.cfg.Recall)
	defer stop()
	for _, t := range d.all {
		d.cfg.Cache.Keep(t.key(), func(context.Context) ([]byte, string, error) { return d.load(t) })
		entry, ok := d.cfg.Cache.Get(ctx, t.key())
		if !ok {
			continue
		}
		services, err := parseKept(entry.Value, t.source.Name())
		if err != nil {
			d.cfg.Log.Warn("discovery: what the cache holds is left out", "key", t.key(), "error", err)
			continue
		}
		for _, s := range services {
			key := canonical(s.Name)
			t.services[key], t.old[key] = s, true
			d.dirty[key] = struct{}{}
		}
	}
}

func (t *told) key() string { return "services/" + t.source.Name() }

// touch tells the cache which sources have said something new.
func (d *Directory) touch(changed []*told) {
	if d.cfg.Cache == nil {
		return
	}
	for _, t := range changed {
		d.cfg.Cache.Touch(t.key())
	}
}

// load is what a source says now, for the cache. While it does not answer there is
// nothing to say: what the cache holds becomes stale in time.
func (d *Directory) load(t *told) ([]byte, string, error) {
	d.mu.Lock()
	services, answers, trouble := make([]*Service, 0, len(t.services)), t.answers(), t.trouble
	for _, s := range t.services {
		services = append(services, s)
	}
	d.mu.Unlock()
	switch {
	case trouble != nil:
		return nil, "", trouble
	case !answers:
		return nil, "", cache.ErrNothing
	}
	sortServices(services)
	text, err := json.Marshal(kept{keptFormat, keptVersion, t.source.Name(), services})
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:8]), nil
}

// parseKept reads what load wrote for a source. Nothing in it is trusted to be whole.
func parseKept(text []byte, source string) ([]*Service, error) {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, err
	}
	if k.Format != keptFormat || k.Version != keptVersion || k.Source != source {
		return nil, fmt.Errorf("it is %q version %d of %q; want %q version %d of %q", k.Format, k.Version, k.Source, keptFormat, keptVersion, source)
	}
	for i, s := range k.Services {
		if s == nil || s.Time.IsZero() {
			return nil, fmt.Errorf("service %d is nothing, or of no time", i)
		}
		if why := tidy(s, source, s.Time); why != "" {
			return nil, fmt.Errorf("service %d: %s", i, why)
		}
	}
	return k.Services, nil
}
