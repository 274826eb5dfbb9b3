package model

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
)

// layers yields the layers of all networks in the order of the file.
func (m *Model) layers() iter.Seq[*Layer] {
	var all []*Layer
	add := func(layers []Layer) {
		for i := range layers {
			all = append(all, &layers[i])
		}
	}
	if n := m.Routing; n != nil {
		add(n.Layers)
		for _, member := range n.Members {
			add(member)
		}
		if n.Doubt != nil {
			all = append(all, &n.Doubt.Whiten)
		}
	}
	if m.Failure != nil {
		add(m.Failure.Layers)
	}
	return slices.Values(all)
}

// blob yields the slices of parameters in the order of the file.
func (m *Model) blob() iter.Seq[*[]float32] {
	return func(yield func(*[]float32) bool) {
		for l := range m.layers() {
			if !yield(&l.W) || !yield(&l.B) {
				return
			}
		}
	}
}

// parameters counts weights and biases.
func (m *Model) parameters() int {
	n := 0
	for values := range m.blob() {
		n += len(*values)
	}
	return n
}

// fill makes the slices of all layers from the parameters of a file, after
// making sure that the shapes in the header ask for exactly as many.
func (m *Model) fill(parameters []byte) error {
	want := 0
	for l := range m.layers() {
		if err := l.checkShape(); err != nil {
			return fmt.Errorf("header: %w", err)
		}
		if want += (l.In + 1) * l.Out; want > maxParameters/4 {
			break
		}
	}
	if have := len(parameters) / 4; want != have {
		return fmt.Errorf("header: its layers have %d parameters, the file holds %d", want, have)
	}
	take := func(n int) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(parameters[4*i:]))
		}
		parameters = parameters[4*n:]
		return values
	}
	for l := range m.layers() {
		l.W, l.B = take(l.In*l.Out), take(l.Out)
	}
	return nil
}
