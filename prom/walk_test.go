package prom

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

// busy is a situation in which much comes, goes and changes its labels.
const busy = `
	requests_total{app="cart",pod="a",version="v1"} 0+50x70 _x630
	requests_total{app="cart",pod="a",version="v2"} _x71 0+20x500
	requests_total{app="cart",pod="b"} 0+50x200 _x90 0+9x300
	requests_total{app="cart",pod="c"} _x300 0+5x100
	requests_total{app="shop",pod="s"} 0+50x40 _x300 0+50x40
	errors_total{app="cart",pod="a"} 0+5x500
	up{app="cart",pod="a"} 1x300 0x10 1x300
	up{app="cart",pod="b"} 1x200
	up{job="proxy"} 1x700
	memory_bytes{app="cart",pod="c",zone="z"} 5x700`

// sliced walks with slices of a length.
func sliced(t *testing.T, d *Dump, s *mesh.Schema, q Query, length int, each func(Slice, *Walk) *Walk) []mesh.Window {
	t.Helper()
	walk, err := NewWalk(d, s, q)
	if err != nil {
		t.Fatal(err)
	}
	var all []mesh.Window
	for {
		walk.length = length
		slice, err := walk.Next(t.Context())
		all = append(all, slice.Windows...)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		walk = each(slice, walk)
	}
}

func TestSlicesDoNotShow(t *testing.T) {
	d, s := situation(t, busy), shop(t)
	q := span10(40, 6900)
	want := sliced(t, d, s, q, 1, func(_ Slice, w *Walk) *Walk { return w })
	for _, length := range []int{2, 7, 64, 100, 1000} {
		got := sliced(t, d, s, q, length, func(_ Slice, w *Walk) *Walk { return w })
		if diff := cmp.Diff(want, got, sameBits); diff != "" {
			t.Fatalf("slices of %d windows: %s", length, diff)
		}
	}
	if diff := cmp.Diff(want, gather(t, d, s, q), sameBits); diff != "" {
		t.Errorf("slices as they come: %s", diff)
	}
}

// TestResumedWalkGoesOn goes on with a new walk after every slice.
func TestResumedWalkGoesOn(t *testing.T) {
	d, s := situation(t, busy), shop(t)
	q := span10(40, 6900)
	got := sliced(t, d, s, q, 13, func(slice Slice, _ *Walk) *Walk {
		walk, err := NewWalk(d, s, q)
		if err != nil {
			t.Fatal(err)
		}
		slice.Windows = nil
		if err := walk.Resume(slice); err != nil {
			t.Fatal(err)
		}
		return walk
	})
	if diff := cmp.Diff(gather(t, d, s, q), got, sameBits); diff != "" {
		t.Error(diff)
	}
}

func TestMemoryOfAnotherWalk(t *testing.T) {
	walk, err := NewWalk(situation(t, busy), shop(t), span10(40, 100))
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []string{"", "{", `{"columns":[]}`} {
		if err := walk.Resume(Slice{Memory: []byte(memory)}); err == nil {
			t.Errorf("went on with the memory %q", memory)
		}
	}
}

// weighty counts nothing, and shows how long the slices are.
type weighty struct {
	Source
	lengths []int
	rows    int
}

func (w *weighty) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Matrix, error) {
	n := steps(start, end, step)
	if strings.HasPrefix(expr, "memory") {
		w.lengths = append(w.lengths, n)
		m := make(Matrix, w.rows)
		for i := range m {
			m[i] = Row{Labels: map[string]string{"app": "cart", "pod": fmt.Sprint(i)}, Values: make([]float64, n)}
		}
		return m, nil
	}
	return nil, nil
}

// TestSlicesBoundMemory: the more there is, the shorter the slices are.
func TestSlicesBoundMemory(t *testing.T) {
	d := situation(t, busy)
	for rows, want := range map[int]int{1: longestSlice, 4000: sliceWeight / 4000} {
		src := &weighty{Source: d, rows: rows}
		walk, err := NewWalk(src, shop(t), Query{Start: dawn, End: dawn.Add(time.Hour), Timing: mesh.Timing{Step: 200 * time.Millisecond, Range: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil && walk.length != want && len(src.lengths) < 10 {
			_, err = walk.Next(t.Context())
		}
		if walk.length != want {
			t.Errorf("with %d endpoints the slices are %v windows long, the next %d; want %d", rows, src.lengths, walk.length, want)
		}
	}
}

// What names no service comes first, and what does comes later.
func TestResultsOfSomethingElseMayComeFirst(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x800
		memory_bytes{job="proxy"} 5x800
		memory_bytes{app="cart",pod="a"} _x200 5x600`)
	all := gather(t, d, shop(t), span10(40, 6000))
	near(t, "memory at last", all[len(all)-1].At(0, mesh.Memory), 5)
}

func TestResultsOfSomethingElseAlone(t *testing.T) {
	d := situation(t, `
		requests_total{app="cart",pod="a"} 0+50x800
		memory_bytes{job="proxy"} 5x800`)
	for _, end := range []int{1000, 7000} { // at the end, or when it has been too long
		n := 0
		var last error
		for _, err := range Windows(t.Context(), d, shop(t), span10(40, end)) {
			n, last = n+1, err
		}
		if last == nil || !strings.Contains(last.Error(), "series memory_bytes: no result has both labels app and pod") {
			t.Errorf("after %d windows: %v", n, last)
		}
		if n > 1+int(forgotten/shopTiming.Step)+1 {
			t.Errorf("told after %d windows", n)
		}
	}
}
