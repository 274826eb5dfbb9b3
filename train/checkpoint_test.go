package train

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

// bytesOf is the model as a file.
func bytesOf(t *testing.T, m *model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := model.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stopAfter trains until the context is cancelled after so many epochs of all
// stages together, and reports whether it came so far.
func stopAfter(t *testing.T, set *Set, cfg Config, epochs int) (stopped bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Progress = func(string, int, int, float64, float64) {
		if epochs--; epochs == 0 {
			cancel()
		}
	}
	_, _, err := Fit(ctx, set, cfg)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return err != nil
}

// TestResumedIsTheSame stops a training at every kind of place, also twice, and
// goes on: the model is the same to the bit as without a stop.
func TestResumedIsTheSame(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 400, seed: 2, failures: true}.set()
	cfg := quick()
	cfg.Epochs, cfg.Batch = 4, 64
	want, r := fit(t, set, cfg)
	if want.Failure == nil || r.Routing == nil {
		t.Fatal("the set teaches too little")
	}
	for _, stops := range [][]int{{1}, {3}, {4}, {5}, {7}, {9}, {2, 1, 3}, {11}} {
		cfg.Checkpoint = filepath.Join(t.TempDir(), "x.checkpoint")
		for _, epochs := range stops {
			if !stopAfter(t, set, cfg, epochs) {
				t.Fatalf("%v: the training was not stopped", stops)
			}
			if _, err := os.Stat(cfg.Checkpoint); err != nil {
				t.Fatal(err)
			}
		}
		got, again := fit(t, set, cfg)
		if !bytes.Equal(bytesOf(t, want), bytesOf(t, got)) {
			t.Errorf("%v: the model is another", stops)
		}
		if len(again.Routing.Course.Epochs) != len(r.Routing.Course.Epochs) || again.Failure.Courses.Logistic.Best != r.Failure.Courses.Logistic.Best {
			t.Errorf("%v: the courses are %d epochs long, %d without a stop", stops, len(again.Routing.Course.Epochs), len(r.Routing.Course.Epochs))
		}
		if _, err := os.Stat(cfg.Checkpoint); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: the checkpoint was not removed (%v)", stops, err)
		}
		if rest, _ := os.ReadDir(filepath.Dir(cfg.Checkpoint)); len(rest) > 0 {
			t.Errorf("%v: %v was left behind", stops, rest)
		}
	}
}

func TestCheckpointsOfOtherTrainings(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 200, seed: 2}.set()
	cfg := quick()
	cfg.Epochs = 6
	cfg.Checkpoint = filepath.Join(t.TempDir(), "x.checkpoint")
	if !stopAfter(t, set, cfg, 2) {
		t.Fatal("the training was not stopped")
	}
	text, err := os.ReadFile(cfg.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want   string
		change func(*Config, *Set)
		text   func([]byte) []byte
	}{
		{want: "its learning rate is 0.001, here it is 0.01", change: func(c *Config, _ *Set) { c.LearningRate = 0.01 }},
		{want: "its seed is 1, here it is 2", change: func(c *Config, _ *Set) { c.Seed = 2 }},
		{want: "its network is outcome, here it is softmax", change: func(c *Config, _ *Set) { c.Network = model.Softmax }},
		{want: "other recordings", change: func(_ *Config, s *Set) { s.Histories[0].Moments[5].X[3] += 1 }},
		{want: "damaged", text: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{want: "damaged", text: func(b []byte) []byte { return b[:len(b)/2] }},
		{want: "no checkpoint of this version", text: func([]byte) []byte { return nil }},
		{want: "no checkpoint of this version", text: func([]byte) []byte { return []byte("a model, perhaps, of some other program") }},
	} {
		other, changed := cfg, world{service: "s", endpoints: 3, moments: 200, seed: 2}.set()
		found := bytes.Clone(text)
		if c.change != nil {
			c.change(&other, changed)
		}
		if c.text != nil {
			found = c.text(found)
		}
		if err := os.WriteFile(cfg.Checkpoint, found, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := Fit(t.Context(), changed, other)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), cfg.Checkpoint) {
			t.Errorf("error %v; want %q", err, c.want)
		}
		if left, err := os.ReadFile(cfg.Checkpoint); err != nil || !bytes.Equal(left, found) {
			t.Errorf("%s: the checkpoint was touched: %v", c.want, err)
		}
	}
}

// FuzzCheckpoint: whatever is found in the file, it is an error or a
// checkpoint.
func FuzzCheckpoint(f *testing.F) {
	c := checkpoint{path: filepath.Join(f.TempDir(), "x"), Made: map[string]*progress{"routing": {Epoch: 1}}}
	if err := c.write(); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(c.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, text []byte) {
		var found checkpoint
		if err := found.decode(text); err == nil && !bytes.HasPrefix(text, []byte(checkpointMagic)) {
			t.Error("foreign text was taken for a checkpoint")
		}
	})
}

func TestWarmStart(t *testing.T) {
	set := world{service: "s", endpoints: 3, moments: 400, seed: 2, failures: true}.set()
	cfg := quick()
	cfg.Epochs = 8
	earlier, before := fit(t, set, cfg)
	cfg.Warm, cfg.Epochs = earlier, 1
	m, r := fit(t, set, cfg)
	if got, want := float64(r.Routing.Course.Epochs[0].Validation), before.Routing.Course.least(); got != want {
		t.Errorf("before the first epoch the validation loss is %v; want that of the earlier model, %v", got, want)
	}
	begun := &r.Failure.Courses.Network
	if before.Failure.Courses.Shipped == "logistic" {
		begun = &r.Failure.Courses.Logistic
	}
	least := min(before.Failure.Courses.Network.least(), before.Failure.Courses.Logistic.least())
	if got := float64(begun.Epochs[0].Validation); got != least {
		t.Errorf("the failure forecast begins with %v; want %v", got, least)
	}
	if !bytes.Equal(fmtScaler(m), fmtScaler(earlier)) {
		t.Error("the scaler is not the earlier model's")
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "went on from that of the earlier model") {
		t.Errorf("notes %q", notes)
	}
	for _, c := range []struct {
		want   string
		change func(*Config, *Set, *model.Model)
	}{
		{"kind outcome, not softmax", func(c *Config, _ *Set, _ *model.Model) { c.Network = model.Softmax }},
		{"speaks schema", func(_ *Config, s *Set, _ *model.Model) { s.Schema.Series[0].Query = "other" }},
		{"no longer have: flux", func(_ *Config, _ *Set, m *model.Model) { m.Routing.Columns[2] = "flux" }},
	} {
		bent, other := cfg, world{service: "s", endpoints: 3, moments: 400, seed: 2}.set()
		warm, _ := fit(t, set, quickest())
		bent.Warm = warm
		c.change(&bent, other, warm)
		if _, _, err := Fit(t.Context(), other, bent); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v; want %q", err, c.want)
		}
	}
}

func quickest() Config {
	cfg := quick()
	cfg.Epochs = 1
	return cfg
}

func fmtScaler(m *model.Model) []byte {
	var b bytes.Buffer
	for _, s := range []model.Scaler{m.Routing.Scaler, m.Failure.Scaler} {
		for _, list := range [][]float32{s.Center, s.Scale, s.Low, s.High} {
			for _, v := range list {
				b.WriteString(number(float64(v)))
			}
		}
	}
	return b.Bytes()
}
