package train

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/model"
)

// dice is randomness whose state can be kept.
type dice struct {
	*rand.Rand
	source *rand.PCG
}

func newDice(seed, stream uint64) *dice {
	source := rand.NewPCG(seed, stream)
	return &dice{rand.New(source), source}
}

// progress is all that a training after so many epochs depends on. Gob keeps
// every bit of it.
type progress struct {
	Epoch         int
	Layers        []model.Layer // after that epoch; nil of a network that is finished
	First, Second [][]float32   // Adam's moments, and the powers of its betas
	Powers        [2]float64
	Dice          []byte
	Best          []model.Layer
	Course        Course
}

// capture copies the progress out.
func (d *descending) capture() (*progress, error) {
	p := d.progress
	var err error
	if p.Dice, err = d.dice.source.MarshalBinary(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if p.Course.Stop != "" {
		p.Layers = nil
		return &p, nil
	}
	p.Powers = [2]float64{d.adam.power1, d.adam.pow2}
	for i := range d.adam.first {
		p.First = append(p.First, append([]float32(nil), d.adam.first[i]...))
		p.Second = append(p.Second, append([]float32(nil), d.adam.second[i]...))
	}
	return &p, nil
}

// restore goes on from a progress; the layers are in the machine.
func (d *descending) restore(p *progress) error {
	if len(p.First) != len(d.adam.first) || len(p.Second) != len(d.adam.second) {
		return fmt.Errorf("train: %s: the progress has moments of %d parameters; want %d", d.task.stage, len(p.First), len(d.adam.first))
	}
	for i := range d.adam.first {
		if copy(d.adam.first[i], p.First[i]) != copy(d.adam.second[i], p.Second[i]) {
			return fmt.Errorf("train: %s: the progress is of a network of another shape", d.task.stage)
		}
	}
	d.adam.power1, d.adam.pow2 = p.Powers[0], p.Powers[1]
	d.progress = *p
	d.First, d.Second = nil, nil
	return d.dice.restore(p.Dice)
}

func (d *dice) restore(state []byte) error {
	if err := d.source.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("train: the state of the random numbers: %w", err)
	}
	return nil
}

// checkpoint is how far the networks of one Fit have come. With a path, it is
// written after each epoch, so that a training that was killed can be gone on
// with and gives the same model as if it had not been.
type checkpoint struct {
	path  string // empty: it is not written
	Data  [sha256.Size]byte
	Given []setting
	Made  map[string]*progress
	// Trials is how many a search began, once that is decided.
	Trials int
}

// setting is one thing that decides what comes of a training.
type setting struct{ Name, Value string }

// checkpointMagic begins the file; a SHA-256 of all before ends it.
const checkpointMagic = "fairway-checkpoint/1\n"

// openCheckpoint goes on from the file at path, where there is one. It is
// refused when it is of another training.
func openCheckpoint(path string, set *Set, cfg Config) (*checkpoint, error) {
	c := &checkpoint{path: path, Made: map[string]*progress{}}
	if path == "" {
		return c, nil
	}
	var err error
	if c.Given, err = cfg.settings(); err != nil {
		return nil, err
	}
	c.Data = set.digest()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return nil, fmt.Errorf("train: the checkpoint: %w", err)
	}
	before := checkpoint{}
	if err := before.decode(text); err != nil {
		return nil, fmt.Errorf("train: %s: %w; remove it, or train without going on from it", path, err)
	}
	if err := c.follows(&before); err != nil {
		return nil, fmt.Errorf("train: %s is the checkpoint of another training: %w; remove it, or train without going on from it", path, err)
	}
	if before.Made != nil {
		c.Made = before.Made
	}
	c.Trials = before.Trials
	return c, nil
}

func (c *checkpoint) decode(text []byte) error {
	body, sum := text[:max(0, len(text)-sha256.Size)], text[max(0, len(text)-sha256.Size):]
	if !bytes.HasPrefix(body, []byte(checkpointMagic)) {
		return errors.New("it is no checkpoint of this version")
	}
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return errors.New("the checkpoint is damaged")
	}
	if err := gob.NewDecoder(bytes.NewReader(body[len(checkpointMagic):])).Decode(c); err != nil {
		return fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	return nil
}

// follows reports the first difference to the training that is to go on.
func (c *checkpoint) follows(before *checkpoint) error {
	was := map[string]string{}
	for _, s := range before.Given {
		was[s.Name] = s.Value
	}
	for _, s := range c.Given {
		if was[s.Name] != s.Value {
			return fmt.Errorf("its %s is %s, here it is %s", s.Name, was[s.Name], s.Value)
		}
	}
	if c.Data != before.Data {
		return errors.New("it learned from other recordings, or with another timing or objective")
	}
	return nil
}

// write replaces the file. It is not flushed to the disk: a process that is
// killed leaves it whole, and after a power cut its digest tells.
func (c *checkpoint) write() error {
	if c.path == "" {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(checkpointMagic)
	if err := gob.NewEncoder(&b).Encode(c); err != nil {
		return fmt.Errorf("train: the checkpoint: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	file, err := os.CreateTemp(filepath.Dir(c.path), "."+filepath.Base(c.path)+".*")
	if err != nil {
		return fmt.Errorf("train: the checkpoint: %w", err)
	}
	_, err = file.Write(b.Bytes())
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), c.path)
	}
	if err != nil {
		return fmt.Errorf("train: the checkpoint: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// remove takes the file away when it has done its duty.
func (c *checkpoint) remove() error {
	if c.path == "" {
		return nil
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("train: the checkpoint: %w", err)
	}
	return nil
}

// train trains a network until an epoch is done, from where it was left. What
// ends before the last epoch is short, and written when it is done: a search
// has many of these in one file.
func (c *checkpoint) train(ctx context.Context, name string, t task, cfg Config, d *dice, until int) ([]model.Layer, Course, error) {
	made := c.Made[name]
	if made != nil && (made.Course.Stop != "" || made.Epoch >= until) {
		return made.Best, made.Course, d.restore(made.Dice)
	}
	g, err := newDescending(t, cfg, d, made)
	if err != nil {
		return nil, Course{}, err
	}
	err = g.to(ctx, until, func() error {
		var err error
		if c.Made[name], err = g.capture(); err != nil || until < cfg.Epochs && g.Epoch < until && g.Course.Stop == "" {
			return err
		}
		return c.write()
	})
	return g.Best, g.Course, errors.Join(err, g.machine.tape.Close())
}

// digest is that of all that is learned from.
func (s *Set) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprint(h, s.Columns, s.Schema.Hash(), s.Timing, s.notes)
	if s.Features != nil {
		fmt.Fprint(h, *s.Features)
	}
	var b []byte
	number := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	for n := range s.Histories {
		history := &s.Histories[n]
		fmt.Fprint(h, history.Provenance.SHA256, s.timing(n), history.Split, len(history.Moments))
		for i := range history.Moments {
			m := &history.Moments[i]
			b = binary.LittleEndian.AppendUint64(b[:0], uint64(m.Time.UnixNano()))
			b = append(b, m.Service...)
			for _, x := range m.X {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
			number(m.Weight)
			for k := range m.Endpoints {
				b = append(b, m.Endpoints[k]...)
				for _, seen := range [2]*Seen{&m.Now[k], &m.After[k]} {
					for _, v := range [...]float64{seen.Rate, seen.Requests, seen.Mean, seen.P50, seen.P90, seen.P99, seen.ErrorRatio, seen.Up} {
						number(v)
					}
				}
			}
			_, _ = io.Writer(h).Write(b) // a hash takes everything
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
