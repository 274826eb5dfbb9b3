package features

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// magic begins the saved form; its last byte is the version. Then come the
// Config as JSON and the services, in the order of their names: each its name,
// time, step, half-life, noise of capacity and scatter of excess (sums and
// weights), demand, usual tails, what lasts of capacities and of excesses, series, peers, and
// endpoints, in the order of their names. Texts and
// parts are preceded by their length.
var magic = []byte("fwfeatures\x05")

// MarshalBinary saves the memory. The same memory gives the same bytes.
func (x *Extractor) MarshalBinary() ([]byte, error) {
	cfg, err := json.Marshal(x.cfg)
	if err != nil {
		return nil, fmt.Errorf("features: configuration: %w", err)
	}
	w := writer{out: bytes.Clone(magic)}
	w.part(cfg)
	w.count(len(x.services))
	for _, name := range slices.Sorted(maps.Keys(x.services)) {
		w.part([]byte(name))
		w.service(x.services[name])
	}
	return w.out, w.err
}

// writer appends to the saved form.
type writer struct {
	out []byte
	err error
}

func (w *writer) count(n int) { w.out = binary.LittleEndian.AppendUint32(w.out, uint32(n)) }

func (w *writer) part(p []byte) {
	w.count(len(p))
	w.out = append(w.out, p...)
}

func (w *writer) number(v any) {
	if w.err == nil {
		w.out, w.err = binary.Append(w.out, binary.LittleEndian, v)
	}
}

func (w *writer) saved(v interface{ MarshalBinary() ([]byte, error) }) {
	p, err := v.MarshalBinary()
	if w.err == nil {
		w.err = err
	}
	w.part(p)
}

func (w *writer) service(s *service) {
	w.saved(s.time)
	w.number([]float64{s.step, s.halfLife, s.noise.Sum, s.noise.Weight, s.scatter.Sum, s.scatter.Weight})
	w.number(s.demand)
	w.number(s.tails)
	w.number([]lasting{s.capacities, s.excesses})
	w.count(len(s.series))
	for _, name := range s.series {
		w.part([]byte(name))
	}
	w.saved(s.peers)
	w.count(len(s.memories))
	for _, name := range slices.Sorted(maps.Keys(s.memories)) {
		m := s.memories[name]
		w.part([]byte(name))
		w.number(m.state)
		w.number(m.ramp)
		for _, t := range m.trends.all() {
			w.saved(t)
		}
		for _, t := range m.climbs.all() {
			w.saved(t)
		}
		w.saved(m.tracker)
		w.saved(m.peer)
	}
}

// UnmarshalBinary restores a saved memory in place of the present one. The
// Config must be the one it was saved with. What was not saved by
// MarshalBinary, or was damaged, is refused, and the memory stays as it was.
func (x *Extractor) UnmarshalBinary(saved []byte) error {
	rest, ok := bytes.CutPrefix(saved, magic)
	if !ok {
		return fmt.Errorf("features: saved memory does not begin with %q: not one, or of another version", magic)
	}
	r := reader{rest: rest}
	want, err := json.Marshal(x.cfg)
	if err != nil {
		return fmt.Errorf("features: configuration: %w", err)
	}
	if cfg := r.part(); r.err == nil && !bytes.Equal(cfg, want) {
		return fmt.Errorf("features: memory was saved with another configuration, %s: want %s, or begin without the memory", cfg, want)
	}
	services := map[string]*service{}
	for range r.count() {
		name := string(r.part())
		if s := r.service(x.cfg); r.err == nil {
			services[name] = s
		}
		if r.err != nil {
			return fmt.Errorf("features: saved memory of service %q, %d bytes before its end: %w", name, len(r.rest), r.err)
		}
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes follow", len(r.rest))
	}
	if r.err != nil {
		return fmt.Errorf("features: saved memory: %w", r.err)
	}
	x.services = services
	return nil
}

// reader takes the saved form apart. After the first error it reads nothing
// but zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// count reads a number of things, each of which takes at least a byte.
func (r *reader) count() int {
	var n uint32
	r.number(&n)
	if r.err == nil && int64(n) > int64(len(r.rest)) {
		r.fail("it promises %d more in %d bytes", n, len(r.rest))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) part() []byte {
	n := r.count()
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) number(v any) {
	if r.err != nil {
		return
	}
	n, err := binary.Decode(r.rest, binary.LittleEndian, v)
	if err != nil {
		r.fail("it is cut off: %w", err)
		return
	}
	r.rest = r.rest[n:]
}

func (r *reader) saved(v interface{ UnmarshalBinary([]byte) error }) {
	p := r.part()
	if r.err == nil {
		r.err = v.UnmarshalBinary(p)
	}
}

func (r *reader) service(cfg Config) *service {
	s := &service{memories: map[string]*memory{}}
	var at time.Time
	r.saved(&at)
	var pace [6]float64
	r.number(&pace)
	r.plausible(binary.Size(s.demand))
	r.number(&s.demand)
	r.plausible(binary.Size(s.tails))
	r.number(&s.tails)
	var lasts [2]lasting
	r.plausible(binary.Size(lasts))
	r.number(&lasts)
	s.capacities, s.excesses = lasts[0], lasts[1]
	s.time, s.step, s.halfLife, s.noise, s.scatter = at, pace[0], pace[1], mean{pace[2], pace[3]}, mean{pace[4], pace[5]}
	if !(s.step >= 0 && s.step <= huge && s.halfLife >= 0 && s.halfLife <= huge && s.noise.value() > 0 && s.noise.value() <= huge && s.scatter.value() > 0 && s.scatter.value() <= huge) {
		r.fail("step %v, half-life %v, noise %v and scatter of the excess %v", s.step, s.halfLife, s.noise.value(), s.scatter.value())
	}
	for range r.count() {
		s.series = append(s.series, string(r.part()))
	}
	s.compare()
	r.saved(s.peers)
	if s.peers.Len() != len(s.compared) {
		r.fail("peers of %d series for %d", s.peers.Len(), len(s.compared))
	}
	for range r.count() {
		name := string(r.part())
		m := r.memory(s, cfg.Anomaly)
		if r.err != nil {
			return nil
		}
		s.memories[name] = m
	}
	return s
}

func (r *reader) memory(s *service, cfg anomaly.Config) *memory {
	m := &memory{}
	r.plausible(binary.Size(m.state))
	r.number(&m.state)
	r.plausible(binary.Size(m.ramp))
	r.number(&m.ramp)
	for _, t := range m.trends.all() {
		r.saved(t)
	}
	for _, t := range m.climbs.all() {
		r.saved(t)
	}
	if r.err != nil {
		return nil
	}
	m.track(s, cfg)
	r.saved(m.tracker)
	if m.tracker.Len() != len(s.series) {
		r.fail("tracker of %d series for %d", m.tracker.Len(), len(s.series))
	}
	r.saved(m.peer)
	if m.peer.Len() != len(s.compared) {
		r.fail("peer of %d series for %d", m.peer.Len(), len(s.compared))
	}
	return m
}

// plausible checks the next bytes, which are float64: NaN, or of a size that
// sums of values can have.
func (r *reader) plausible(size int) {
	for at := 0; at+8 <= size && at+8 <= len(r.rest); at += 8 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(r.rest[at:]))
		if math.Abs(v) > huge*huge*huge {
			r.fail("number %d of an endpoint is %v", at/8, v)
			return
		}
	}
}
