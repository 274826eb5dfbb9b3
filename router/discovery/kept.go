package discovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// kept is all that one source said, in the cache.
type kept struct {
	Format   string     `json:"format"`
	Version  int        `json:"version"`
	Source   string     `json:"source"`
	Services []*Service `json:"services"`
}

const keptFormat, keptVersion = "fairway-services", 1

// recall begins with what the cache holds of each source.
func (d *Directory) recall() {
	if d.cfg.Cache == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), d.cfg.Recall)
	defer stop()
	for _, t := range d.all {
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

// touch tells the cache which sources have said something new; not before they have
// told everything, for until then the cache knows more.
func (d *Directory) touch(changed []*told) {
	if d.cfg.Cache == nil {
		return
	}
	for _, t := range changed {
		if !t.kept {
			t.kept = true
			d.cfg.Cache.Keep(t.key(), func(context.Context) ([]byte, string, error) { return d.load(t) })
		}
		d.cfg.Cache.Touch(t.key())
	}
}

// load is what a source says now, for the cache. While it does not answer there is
// nothing to say, but once what it has said last: what the cache holds becomes stale in
// time.
func (d *Directory) load(t *told) ([]byte, string, error) {
	d.mu.Lock()
	services, trouble := make([]*Service, 0, len(t.services)), t.trouble
	if t.news {
		trouble, t.news = nil, false
	}
	for _, s := range t.services {
		services = append(services, s)
	}
	d.mu.Unlock()
	if trouble != nil {
		return nil, "", trouble
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
