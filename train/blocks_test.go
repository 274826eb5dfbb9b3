package train

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// clockOf has histories of so many blocks, of a minute each.
func clockOf(blocks ...int) *clock {
	set := &Set{Timing: mesh.Timing{Step: 5 * time.Second, Horizon: 10 * time.Second}}
	for _, n := range blocks {
		set.Histories = append(set.Histories, History{Split: datasets.Split{Start: epoch, End: epoch.Add(time.Duration(n)*time.Minute - 1)}})
	}
	return newClock(set)
}

func TestBlocksAreLong(t *testing.T) {
	for horizon, want := range map[time.Duration]time.Duration{10 * time.Second: time.Minute, 45 * time.Second: 90 * time.Second} {
		if got := blockOf(mesh.Timing{Horizon: horizon}); got != want {
			t.Errorf("horizon %v: blocks of %v; want %v", horizon, got, want)
		}
	}
}

// TestDrawsKeepWithinHistories: blocks are whole, in one history, and only of
// what was judged.
func TestDrawsKeepWithinHistories(t *testing.T) {
	c := clockOf(6, 4)
	for minute := 2; minute < 6; minute++ { // the first two minutes of the first history are of another part
		for second := 0; second < 60; second += 5 {
			c.at(0, epoch.Add(time.Duration(minute*60+second)*time.Second))
		}
	}
	c.at(1, epoch)
	c.at(1, epoch.Add(4*time.Minute-1))
	d := c.draw(seeded(1))
	if d.blocks != 8 || len(d.times) != resamples || c.cells() != 40 {
		t.Fatalf("%d blocks, %d draws of %d cells; want 8, %d, 40", d.blocks, len(d.times), c.cells(), resamples)
	}
	var sums [2]int // cells drawn of each history
	for _, times := range d.times {
		total := 0
		for cell, n := range times {
			if cell < 8 && n > 0 {
				t.Fatalf("cell %d was drawn, in which nothing was judged", cell)
			}
			total += int(n)
			sums[min(cell/24, 1)] += int(n)
		}
		if total != 32 {
			t.Fatalf("a draw has %d cells; want 32", total)
		}
	}
	if part := float64(sums[0]) / float64(sums[0]+sums[1]); math.Abs(part-0.5) > 0.02 {
		t.Errorf("%.2f of the cells are of the first history; want half", part)
	}
}

// TestIntervalOfIndependentCells is near the normal one; equal cells leave no
// doubt, cells that are alike for a whole block leave more.
func TestIntervalOfIndependentCells(t *testing.T) {
	c, random := clockOf(100), seeded(2)
	independent, alike, equal := c.tally(2), c.tally(2), c.tally(2)
	last := 0.0
	for cell := range c.cells() {
		c.at(0, epoch.Add(time.Duration(cell)*c.cell))
		x := random.NormFloat64()
		if cell%cellsInBlock == 0 {
			last = x
		}
		for tally, v := range map[*tally]float64{independent: x, alike: last, equal: 3} {
			row := tally.at(cell)
			row[0], row[1] = row[0]+v, row[1]+1
		}
	}
	d := c.draw(random)
	width := func(of *tally) (Interval, float64) {
		all, drawn := d.sums(of)
		i := interval(all, drawn, func(s []float64) float64 { return s[0] / s[1] })
		return i, float64(i.High90 - i.Low90)
	}
	i, narrow := width(independent)
	if want := 2 * 1.645 / math.Sqrt(400); math.Abs(narrow/want-1) > 0.25 {
		t.Errorf("a 90 %% interval of %.3f; want about %.3f", narrow, want)
	}
	if !(i.Low95 < i.Low90 && i.High90 < i.High95) {
		t.Errorf("%+v: the 95 %% interval is not the wider", i)
	}
	if _, wide := width(alike); wide < 1.5*narrow {
		t.Errorf("blocks of one value give %.3f, cells of their own %.3f; want about twice as much", wide, narrow)
	}
	if i, _ := width(equal); i.Value != 3 || i.Low95 != 3 || i.High95 != 3 || !i.Sure() {
		t.Errorf("of equal values: %+v", i)
	}
}

func TestFewBlocksGiveNoInterval(t *testing.T) {
	c := clockOf(4)
	tally := c.tally(1)
	for cell := range c.cells() {
		tally.at(c.at(0, epoch.Add(time.Duration(cell)*c.cell)))[0] = 1
	}
	all, drawn := c.draw(seeded(3)).sums(tally)
	i := interval(all, drawn, func(s []float64) float64 { return s[0] })
	if i.Value != 16 || !math.IsNaN(float64(i.Low90)) || i.Sure() {
		t.Errorf("of four blocks: %+v; want the value alone", i)
	}
}

func TestIntervalsInText(t *testing.T) {
	nan := Number(math.NaN())
	for want, one := range map[string][2]Number{"not known": {nan, nan}, "-1 ms to 2 ms ~": {-0.001, 0.002}, "1 ms to 2 ms": {0.001, 0.002}, "-2 ms to -1 ms": {-0.002, -0.001}} {
		if got := between(one[0], one[1], seconds); got != want {
			t.Errorf("%v: %q; want %q", one, got, want)
		}
	}
}
