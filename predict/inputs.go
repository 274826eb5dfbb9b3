package predict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict/kernel"
)

// columns finds columns of a frame by name. Frames share their names, so that
// the search is done once.
type columns struct {
	want  []string
	names []string // that positions holds for
	at    []int
}

// find returns the positions of the wanted columns; ErrSchema names those that
// the frame does not have.
func (c *columns) find(f *features.Frame) ([]int, error) {
	if len(c.at) == len(c.want) && same(c.names, f.Names) {
		return c.at, nil
	}
	c.at = c.at[:0]
	var missing []string
	for _, name := range c.want {
		at := f.Column(name)
		if at < 0 {
			missing = append(missing, name)
		}
		c.at = append(c.at, at)
	}
	if missing != nil {
		c.at = c.at[:0]
		return nil, fmt.Errorf("%w: the frame lacks the columns %s", ErrSchema, strings.Join(missing, ", "))
	}
	c.names = f.Names
	return c.at, nil
}

func same(a, b []string) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	return &a[0] == &b[0] || slices.Equal(a, b)
}

// inputs brings the columns of a frame through a network.
type inputs struct {
	columns columns
	scaler  *model.Scaler
	network *kernel.Network
	members []*kernel.Network // of the ensemble, beside network
	mean    bool              // of all of them are the outputs
	x, out  []float32
	alone   *kernel.Network // if not nil, only this one is asked
	each    [][]float32     // the outputs of network, then of each member
}

// scaled returns the frame's rows as the network takes them, valid until the
// next call. ErrNotFinite names the endpoint and the column of an infinity.
func (in *inputs) scaled(f *features.Frame) ([]float32, error) {
	at, err := in.columns.find(f)
	if err != nil {
		return nil, err
	}
	in.x = resize(in.x, len(f.Endpoints)*len(at))
	for i := range f.Endpoints {
		row, x := f.Row(i), in.x[i*len(at):(i+1)*len(at)]
		for j, column := range at {
			v := row[column]
			if math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("%w: %s of %s/%s is %v", ErrNotFinite, in.columns.want[j], f.Service, f.Endpoints[i].Name, v)
			}
			x[j] = v
		}
		in.scaler.Apply(x, x)
	}
	return in.x, nil
}

// run returns the network's outputs for rows of x, the mean of the ensemble's
// where that is to answer, valid until the next call. Finite weights and inputs
// can still overflow: then ErrNotFinite.
func (in *inputs) run(x []float32) ([]float32, error) {
	in.out = resize(in.out, len(x)/in.network.In()*in.network.Out())
	switch {
	case in.alone != nil:
		in.alone.Forward(in.out, x)
	case !in.mean:
		in.network.Forward(in.out, x)
	default:
		in.runEach(x)
		for i := range in.out {
			sum := float32(0)
			for _, out := range in.each {
				sum += out[i]
			}
			in.out[i] = sum / float32(len(in.each))
		}
	}
	for i, v := range in.out {
		if v-v != 0 {
			return nil, fmt.Errorf("%w: output %d of the network is %v", ErrNotFinite, i, v)
		}
	}
	return in.out, nil
}

// runEach writes each network's outputs for rows of x to in.each.
func (in *inputs) runEach(x []float32) {
	in.each = resize(in.each, 1+len(in.members))
	for k := range in.each {
		network := in.network
		if k > 0 {
			network = in.members[k-1]
		}
		in.each[k] = resize(in.each[k], len(x)/network.In()*network.Out())
		network.Forward(in.each[k], x)
	}
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
