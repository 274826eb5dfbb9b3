// Package kernel holds the few vector kernels that inference is made of:
// numbers in, numbers out, no knowledge of meshes.
package kernel

// Layer computes y = W·x + B, then max(y, 0) if ReLU. NaN stays NaN.
type Layer struct {
	In, Out int
	W       []float32 // Out × In, row by row
	B       []float32
	ReLU    bool
}

// Network is a chain of dense layers, packed for the forward pass. It has
// scratch memory of its own: one per goroutine.
type Network struct{}

// Pack copies layers into the order the forward pass reads them in.
func Pack(layers []Layer) (*Network, error) { return nil, nil }

// Forward runs rows of x (rows × In) through the network into dst
// (rows × Out).
func (n *Network) Forward(dst, x []float32) {}
