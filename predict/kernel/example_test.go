package kernel_test

import (
	"fmt"

	"github.com/fairway-mesh/fairway/predict/kernel"
)

// Two inputs, their sum and the positive part of their difference.
func Example() {
	network, err := kernel.Pack([]kernel.Layer{
		{In: 2, Out: 2, W: []float32{1, 1, 1, -1}, B: []float32{0, 0}, ReLU: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float32, 4)
	network.Forward(dst, []float32{1, 3, 5, 2})
	fmt.Println(dst)
	// Output: [4 0 7 3]
}
