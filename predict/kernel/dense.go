package kernel

// lanes is how many outputs are computed at a time: as many sums as fit into
// the registers beside their input, so that the additions, of which each waits
// for the one before it, overlap.
const lanes = 8

// packed is a layer in panels: panel p holds, for each input, the weights of
// the outputs p·lanes … p·lanes+lanes−1, so that the forward pass reads memory
// from front to back. Outputs beyond the last are padding with zeros.
type packed struct {
	in, out int
	relu    bool
	panels  [][][lanes]float32 // of each panel: of each input
	biases  [][lanes]float32
}

func pack(l *Layer) packed {
	n := (l.Out + lanes - 1) / lanes
	p := packed{in: l.In, out: l.Out, relu: l.ReLU, panels: make([][][lanes]float32, n), biases: make([][lanes]float32, n)}
	weights := make([][lanes]float32, n*l.In)
	for i := range p.panels {
		p.panels[i] = weights[i*l.In : (i+1)*l.In : (i+1)*l.In]
	}
	for o := range l.Out {
		p.biases[o/lanes][o%lanes] = l.B[o]
		for k, w := range l.W[o*l.In : (o+1)*l.In] {
			p.panels[o/lanes][k][o%lanes] = w
		}
	}
	return p
}

// input is one input of a layer that is not zero.
type input struct {
	index int
	value float32
}

// gather writes the inputs that are not zero, NaN among them, to the front of
// active, which must be as long as x. After a ReLU most inputs are zero, and
// leaving them out changes nothing: all weights are finite.
func gather(active []input, x []float32) []input {
	n := 0
	active = active[:len(x)]
	for k, v := range x {
		active[n] = input{k, v}
		if v != 0 {
			n++
		}
	}
	return active[:n]
}

// forward computes the layer for one row into dst, which is as long as all
// panels.
func (p *packed) forward(dst []float32, active []input) {
	for i, panel := range p.panels {
		y := (*[lanes]float32)(dst[i*lanes:])
		*y = p.biases[i]
		accumulate(y, panel, active)
		if p.relu {
			rectify(y)
		}
	}
}

// accumulate adds to y what the inputs contribute. The sums are eight
// variables, not an array, since the compiler keeps no array in registers.
func accumulate(y *[lanes]float32, panel [][lanes]float32, active []input) {
	y0, y1, y2, y3, y4, y5, y6, y7 := y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]
	for _, in := range active {
		w, x := &panel[in.index], in.value
		y0 += w[0] * x
		y1 += w[1] * x
		y2 += w[2] * x
		y3 += w[3] * x
		y4 += w[4] * x
		y5 += w[5] * x
		y6 += w[6] * x
		y7 += w[7] * x
	}
	*y = [lanes]float32{y0, y1, y2, y3, y4, y5, y6, y7}
}

// rectify is the ReLU. The comparison is this way round because it is false
// for NaN, which must not turn into a plausible 0.
func rectify(y *[lanes]float32) {
	for i, v := range y {
		if v < 0 {
			y[i] = 0
		}
	}
}
