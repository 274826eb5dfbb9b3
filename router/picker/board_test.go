package picker

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

func boardOf(t *testing.T, name string, proxies, n int) Picker {
	t.Helper()
	p, err := Named(name, Config{Endpoints: n, Proxies: proxies, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBoardPowerOfTwo: of three endpoints the busiest is never picked, since
// two distinct ones are drawn; the least busy in two of three pairs.
func TestBoardPowerOfTwo(t *testing.T) {
	for _, name := range []string{"board_power_of_two", "board_power_of_two+outlier_ejection+slow_start"} {
		p := boardOf(t, name, 50, 3)
		p.(BoardReader).Board(Board{InFlight: []float64{4, 0, 9}})
		var counts [3]float64
		for range 30_000 {
			counts[p.Pick(0, nil)]++
		}
		if counts[2] != 0 || math.Abs(counts[1]/30_000-2.0/3) > 0.01 {
			t.Errorf("%s: picked %v", name, counts)
		}
		p.(BoardReader).Board(Board{InFlight: []float64{4, math.NaN()}}) // the unknown are taken for 4 too
		counts = [3]float64{}
		for range 30_000 {
			counts[p.Pick(0, nil)]++
		}
		for i, n := range counts {
			if math.Abs(n/30_000-1.0/3) > 0.01 {
				t.Errorf("%s: on an even board %d was picked %v of 30000 times", name, i, n)
			}
		}
	}
}

// TestBoardOwnPowerOfTwo: with 5 proxies a request of ours stands for five, so
// after the first to an endpoint 4 behind the other one is as good, and better
// after the next.
func TestBoardOwnPowerOfTwo(t *testing.T) {
	p := boardOf(t, "board_own_power_of_two", 5, 2)
	for range 2 { // each board begins anew
		p.(BoardReader).Board(Board{InFlight: []float64{12, 0}})
		var picks [6]int
		for k := range picks {
			picks[k] = p.Pick(0, nil)
		}
		// The counts: 12,0 12,5 12,10 12,15 17,15 17,20.
		if picks != [6]int{1, 1, 1, 0, 1, 0} {
			t.Errorf("picked %v", picks)
		}
	}
	p = boardOf(t, "board_own_power_of_two:proxies=100", 5, 2)
	p.(BoardReader).Board(Board{InFlight: []float64{12, 0}})
	if a, b := p.Pick(0, nil), p.Pick(0, nil); a != 1 || b != 0 {
		t.Errorf("with 100 proxies: %d, %d", a, b)
	}
}

func TestBoardPickersAlone(t *testing.T) {
	p := boardOf(t, "board_power_of_two", 1, 1)
	p.(BoardReader).Board(Board{InFlight: []float64{7}})
	if i := p.Pick(0, nil); i != 0 {
		t.Errorf("the only one: %d", i)
	}
	p.Update(nil)
	if i := p.Pick(0, nil); i != -1 {
		t.Errorf("nobody: %d", i)
	}
	p.(BoardReader).Board(Board{InFlight: []float64{1, 2, 3}}) // of endpoints that have gone
}

func FuzzPickOther(f *testing.F) {
	f.Add(uint64(0), uint64(0), 0.5, 0.25, 0.25)
	f.Add(^uint64(0), ^uint64(0), 1e-300, 0.0, 1e300)
	f.Add(uint64(1)<<63, ^uint64(0), 1.0, 1.0, 0.0)
	f.Fuzz(func(t *testing.T, u, v uint64, a, b, c float64) {
		w := mesh.Weights{a, b, c}
		w.Normalize()
		d := NewDraw(nil, w)
		i := d.Pick(u)
		j := d.PickOther(v, i)
		if j < 0 || j > 2 || w[j] == 0 || j == i && w[i] < 0.99 {
			t.Fatalf("picked %d after %d of %v", j, i, w)
		}
	})
}

func TestPickOther(t *testing.T) {
	d := NewDraw(nil, mesh.Weights{0.5, 0.3, 0.2})
	r := rand.New(rand.NewPCG(1, 1))
	var counts [3]float64
	for range 100_000 {
		counts[d.PickOther(r.Uint64(), 1)]++
	}
	if counts[1] != 0 || math.Abs(counts[0]/100_000-5.0/7) > 0.01 {
		t.Errorf("beside the second: %v", counts)
	}
}
