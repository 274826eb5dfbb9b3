package kernel

import "math"

// width is how many outputs a panel has: two vector registers, one line of the
// cache.
const width = 16

// line is what one input weighs in the outputs of a panel. The vector kernels
// take it as one; those in Go compute half a panel at a time, which is as many
// sums as fit into the registers beside their input.
type line [2][width / 2]float32

// packed is a layer in panels: panel p holds, for each input, the weights of
// the outputs p·width … p·width+width−1, so that the forward pass reads memory
// from front to back. Outputs beyond the last are padding with zeros.
type packed struct {
	in, out int
	floor   float32 // what an output is at least: 0 after a ReLU, else −Inf
	weights []line  // of each panel: of each input
	biases  []line  // of each panel
}

func pack(l *Layer) packed {
	panels := (l.Out + width - 1) / width
	p := packed{in: l.In, out: l.Out, weights: make([]line, panels*l.In), biases: make([]line, panels)}
	if !l.ReLU {
		p.floor = float32(math.Inf(-1))
	}
	for o := range l.Out {
		panel, half, lane := o/width, o%width/len(line{}[0]), o%len(line{}[0])
		p.biases[panel][half][lane] = l.B[o]
		for k, w := range l.W[o*l.In : (o+1)*l.In] {
			p.weights[panel*l.In+k][half][lane] = w
		}
	}
	return p
}

// padded is how many outputs the layer has with those that fill its last panel.
func (p *packed) padded() int { return len(p.biases) * width }

// row computes the layer for one row into y, which is padded, with the vector
// kernels. Inputs that are 0 are skipped: after a ReLU most are, and leaving
// them out changes nothing, not even a bit, as all weights are finite. NaN is
// not 0.
func (p *packed) row(y, x []float32, a *active) {
	x, y = x[:p.in], y[:p.padded()]
	rowVector(&x[0], p.in, &p.weights[0][0][0], len(p.biases), &p.biases[0][0][0], &y[0], p.floor, &a.index[0], &a.value[0])
}

// rowInGo does the same without them.
func (p *packed) rowInGo(y, x []float32, a *active) {
	n := a.list(x[:p.in])
	for i, sums := range p.biases {
		panel := p.weights[i*p.in : (i+1)*p.in]
		for half := range sums {
			accumulate(&sums[half], panel, half, a.index[:n], a.value[:n])
			rectify(&sums[half], p.floor)
			copy(y[i*width+half*len(sums[half]):], sums[half][:])
		}
	}
}

// rows computes the layer for several rows, which begin xRow and yRow values
// apart, with the vector kernels.
func (p *packed) rows(y []float32, yRow int, x []float32, xRow, rows int) {
	x, y = x[:(rows-1)*xRow+p.in], y[:(rows-1)*yRow+p.padded()]
	i := 0
	for ; wide && i+2 <= len(p.biases); i += 2 {
		rowsWide(&x[0], xRow*4, &p.weights[i*p.in][0][0], p.in, &y[i*width], yRow*4, rows, &p.biases[i][0][0], p.floor)
	}
	for ; i < len(p.biases); i++ {
		rowsVector(&x[0], xRow*4, &p.weights[i*p.in][0][0], p.in, &y[i*width], yRow*4, rows, &p.biases[i][0][0], p.floor)
	}
}

// active is room for the inputs of a layer that are not 0.
type active struct {
	index []int32
	value []float32
}

func newActive(inputs int) active {
	return active{make([]int32, inputs), make([]float32, inputs)}
}

// list writes the inputs that are not 0, NaN among them, to the front, and
// returns how many there are.
func (a *active) list(x []float32) int {
	n := 0
	index, value := a.index[:len(x)], a.value[:len(x)]
	for k, v := range x {
		index[n], value[n] = int32(k), v
		if v != 0 {
			n++
		}
	}
	return n
}

// accumulate adds to half a panel's sums what the inputs contribute. The sums
// are eight variables, not an array, since the compiler keeps no array in
// registers.
func accumulate(y *[width / 2]float32, panel []line, half int, index []int32, value []float32) {
	y0, y1, y2, y3, y4, y5, y6, y7 := y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]
	value = value[:len(index)]
	for i, k := range index {
		w, x := &panel[k][half], value[i]
		y0 += w[0] * x
		y1 += w[1] * x
		y2 += w[2] * x
		y3 += w[3] * x
		y4 += w[4] * x
		y5 += w[5] * x
		y6 += w[6] * x
		y7 += w[7] * x
	}
	*y = [width / 2]float32{y0, y1, y2, y3, y4, y5, y6, y7}
}

// rectify is the ReLU where floor is 0. The comparison is this way round
// because it is false for NaN, which must not turn into a plausible 0.
func rectify(y *[width / 2]float32, floor float32) {
	for i, v := range y {
		if v < floor {
			y[i] = floor
		}
	}
}
