package onnx

import (
	"bytes"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

// FuzzRead wants an error or a network that fits together, never a panic, from
// whatever is called an ONNX file; and of a model, one that can be written
// again.
func FuzzRead(f *testing.F) {
	for _, kind := range model.Kinds() {
		f.Add(written(f, trained(kind)))
	}
	for _, make := range foreigners {
		f.Add(make().file.encode())
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Read(bytes.NewReader(content))
		if err != nil {
			return
		}
		for _, raw := range []bool{true, false} {
			d, err := file.Dense(raw)
			if err != nil {
				continue
			}
			in := d.Inputs
			for i, l := range d.Layers {
				if l.In != in || len(l.W) != l.In*l.Out || len(l.B) != l.Out {
					t.Fatalf("layer %d is %d → %d with %d weights and %d biases; %d come in", i+1, l.In, l.Out, len(l.W), len(l.B), in)
				}
				in = l.Out
			}
		}
		if m, err := file.Model(); err == nil {
			if err := Write(&bytes.Buffer{}, m); err != nil {
				t.Fatal(err)
			}
		}
	})
}
