package features_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-mesh/fairway/features"
)

// lived is an extractor with some past: two services, an endpoint that went.
func lived(t testing.TB, windows int) *features.Extractor {
	r := rand.New(rand.NewPCG(8, 9))
	x := features.New(features.DefaultConfig())
	for k := range windows {
		last := noisy(r)
		if k > windows/2 {
			last = gone
		}
		push(t, x, window(everything, k, noisy(r), noisy(r), last))
		w := window(schema("request_rate", "queue_length"), k, healthy(3))
		w.Service = "catalog"
		push(t, x, w)
	}
	return x
}

// TestSaved restores a memory and goes on as if nothing had happened.
func TestSaved(t *testing.T) {
	x := lived(t, 50)
	saved, err := x.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	y := features.New(features.DefaultConfig())
	if err := y.UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	again, err := y.MarshalBinary()
	if err != nil || !bytes.Equal(saved, again) {
		t.Fatalf("%v; what was restored is saved differently", err)
	}
	r := rand.New(rand.NewPCG(10, 11))
	for k := 50; k < 80; k++ {
		w := window(everything, k, noisy(r), noisy(r), noisy(r), noisy(r))
		f, g := push(t, x, w), push(t, y, w)
		if diff := cmp.Diff(f, g, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("window %d after the restoration differs:\n%s", k-50, diff)
		}
	}
	if _, err := y.Push(window(everything, 79, noisy(r))); err == nil {
		t.Error("a window of the past was taken")
	}
}

func TestSavedRefused(t *testing.T) {
	saved, err := lived(t, 3).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		saved []byte
		want  string
	}{
		"empty":           {nil, "not one"},
		"foreign":         {[]byte("something else altogether"), "not one"},
		"another version": {bytes.Replace(saved, []byte("fwfeatures\x05"), []byte("fwfeatures\x04"), 1), "version"},
		"followed":        {append(bytes.Clone(saved), 0), "follow"},
	}
	for name, test := range tests {
		if err := features.New(features.DefaultConfig()).UnmarshalBinary(test.saved); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for n := 0; n < len(saved); n += 1 + n/50 {
		if err := features.New(features.DefaultConfig()).UnmarshalBinary(saved[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for all", n, len(saved))
		}
	}
	other := features.DefaultConfig()
	other.Horizon = time.Minute
	if err := features.New(other).UnmarshalBinary(saved); err == nil || !strings.Contains(err.Error(), "configuration") {
		t.Errorf("saved with another configuration: got %v", err)
	}
}

// FuzzUnmarshal restores anything at all: it is refused, or can be gone on with.
func FuzzUnmarshal(f *testing.F) {
	for _, n := range []int{0, 1, 3} {
		saved, err := lived(f, n).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(saved)
	}
	f.Fuzz(func(t *testing.T, saved []byte) {
		x := features.New(features.DefaultConfig())
		if err := x.UnmarshalBinary(saved); err != nil {
			return
		}
		if _, err := x.MarshalBinary(); err != nil {
			t.Errorf("what was restored cannot be saved: %v", err)
		}
		for k := range 3 {
			frame, err := x.Push(window(everything, 100+k, healthy(50), healthy(20)))
			if err != nil {
				return // later than these windows
			}
			for _, v := range frame.X {
				if v-v != 0 && v == v {
					t.Fatalf("%v in the frame", v)
				}
			}
		}
	})
}
