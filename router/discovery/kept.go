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

// recall begins with what the cache holds of each source.
func (d *Directory) recall() {
	if d.cfg.Cache == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), d.cfg.Recall)
	defer stop()
	for _, t := range d.all {
		d.adopt(ctx, t)
	}
}

// adopt takes what the cache holds of a source, as stale, beside what the source has said
// already. Once it has, or the source has told everything, it does nothing.
func (d *Directory) adopt(ctx context.Context, t *told) {
	entry, ok := d.cfg.Cache.Get(ctx, t.key())
	if !ok {
		return
	}
	services, err := parseKept(entry.Value, t.source.Name())
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.recalled || !t.synced.IsZero() {
		return
	}
	t.recalled = true
	if err != nil {
		d.cfg.Log.Warn("discovery: what the cache holds is left out", "key", t.key(), "error", err)
		return
	}
	for _, s := range services {
		if key := canonical(s.Name); t.services[key] == nil {
			t.services[key], t.old[key] = s, true
			d.dirty[key] = struct{}{}
		}
	}
	signal(d.wake)
}

// awaited has the cache go on looking for what it did not have of some sources: it may
// be slow to begin, and the sources are silent.
func (d *Directory) awaited() {
	if d.cfg.Cache == nil {
		return
	}
	for _, t := range d.all {
		if !t.recalled {
			d.keep(t)
			d.cfg.Cache.Touch(t.key())
		}
	}
}

// keep tells the cache of a source, once.
func (d *Directory) keep(t *told) {
	if !t.kept {
		t.kept = true
		d.cfg.Cache.Keep(t.key(), func(ctx context.Context) ([]byte, string, error) { return d.load(ctx, t) })
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
		d.keep(t)
		d.cfg.Cache.Touch(t.key())
	}
}

// load is what a source says now, for the cache. While it does not answer there is
// nothing to say, but once what it has said last: what the cache holds becomes stale in
// time. Until it has told everything once the cache may know more, and is asked.
func (d *Directory) load(ctx context.Context, t *told) ([]byte, string, error) {
	d.mu.Lock()
	begun, recalled := !t.synced.IsZero(), t.recalled
	d.mu.Unlock()
	if !begun {
		if !recalled {
			d.adopt(ctx, t)
		}
		return nil, "", cache.ErrNothing
	}
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
