package onnx

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

func (f *foreign) fileContent() []byte { return f.file.encode() }

// TestRefuses changes one thing in files that can be read, and wants an error
// that names the node, its operator and what is wrong.
func TestRefuses(t *testing.T) {
	at := func(f *file, op string) *node {
		for i := range f.graph.nodes {
			if f.graph.nodes[i].op == op {
				return &f.graph.nodes[i]
			}
		}
		t.Fatalf("no %s", op)
		return nil
	}
	weights := func(f *file) *tensor { return &f.graph.initializers[len(f.graph.initializers)-2] }
	for _, c := range []struct {
		file, want string
		change     func(f *file)
	}{
		{"keras-outcome.onnx", `node "outcome/dense/Relu" (LeakyRelu): not supported; a dense network is read that is made of Add, BatchNormalization,`, func(f *file) { at(f, "Relu").op = "LeakyRelu" }},
		{"keras-outcome.onnx", "(com.microsoft.Gelu): not supported", func(f *file) { n := at(f, "Relu"); n.op, n.domain = "Gelu", "com.microsoft" }},
		{"keras-outcome.onnx", `(MatMul): "outcome/dense/MatMul/ReadVariableOp:0" has the shape [30 12 1]; want a matrix`, func(f *file) { f.graph.initializers[2].dims = []int64{outcomeWidth, 12, 1} }},
		{"keras-outcome.onnx", "takes 12 inputs; 30 come in", func(f *file) { f.graph.initializers[2].dims = []int64{12, outcomeWidth} }},
		{"keras-outcome.onnx", "bytes of values; its shape [30 13] asks for", func(f *file) { f.graph.initializers[2].dims[1] = 13 }},
		{"keras-outcome.onnx", "claims the shape", func(f *file) { f.graph.initializers[2].dims = []int64{math.MaxInt32, math.MaxInt32, math.MaxInt32} }},
		{"keras-outcome.onnx", "claims the shape", func(f *file) { f.graph.initializers[2].dims[0] = -outcomeWidth }},
		{"keras-outcome.onnx", "is NaN; want finite", func(f *file) { copy(weights(f).data[8:], []byte{0, 0, 0xc0, 0x7f}) }},
		{"keras-outcome.onnx", "is of FLOAT16; want FLOAT or DOUBLE", func(f *file) { weights(f).kind = 10 }},
		{"keras-outcome.onnx", "is of type 77", func(f *file) { weights(f).kind = 77 }},
		{"keras-outcome.onnx", "depends on its own output: the graph is cyclic", func(f *file) { f.graph.nodes[0].inputs[0] = "outcome/dense/Relu:0" }},
		{"keras-outcome.onnx", `node "outcome/dense_2/BiasAdd" (Add) joins`, func(f *file) {
			f.graph.nodes[len(f.graph.nodes)-2].inputs[1] = "outcome/normalization/sub:0"
		}},
		{"keras-outcome.onnx", "nothing makes the value", func(f *file) { at(f, "Relu").inputs[0] = "lost" }},
		{"keras-outcome.onnx", "which is there already", func(f *file) { at(f, "Relu").outputs[0] = "features" }},
		{"keras-outcome.onnx", "initializer \"outcome/dense/MatMul/ReadVariableOp:0\" is there twice", func(f *file) { f.graph.initializers[3].name = f.graph.initializers[2].name }},
		{"keras-outcome.onnx", "depends on no input", func(f *file) { at(f, "MatMul").inputs[0] = f.graph.initializers[2].name }},
		{"keras-outcome.onnx", "its first input is a constant", func(f *file) { n := at(f, "MatMul"); n.inputs[0], n.inputs[1] = n.inputs[1], n.inputs[0] }},
		{"keras-outcome.onnx", "divides by what comes in", func(f *file) { n := at(f, "Div"); n.inputs[0], n.inputs[1] = n.inputs[1], n.inputs[0] }},
		{"keras-outcome.onnx", "version 6 of ONNX's operators", func(f *file) { f.opsets[0].version = 6 }},
		{"keras-outcome.onnx", "the graph has 2 outputs", func(f *file) { f.graph.outputs = append(f.graph.outputs, f.graph.outputs[0]) }},
		{"keras-outcome.onnx", "is of INT64; want FLOAT or DOUBLE", func(f *file) { f.graph.inputs[0].kind = int64Kind }},
		{"keras-outcome.onnx", "has 4 axes", func(f *file) { f.graph.inputs[0].dims = make([]dim, 4) }},
		{"keras-outcome.onnx", "23 columns come in", func(f *file) { f.graph.inputs[0].dims[1].size = 23 }},
		{"keras-outcome.onnx", "ends in a Relu", func(f *file) { at(f, "Identity").op = "Relu" }},
		{"keras-outcome.onnx", "no dense layer", func(f *file) { f.graph.outputs[0].name = "outcome/normalization/truediv:0" }},
		{"keras-outcome.onnx", "follows on the Sigmoid", func(f *file) { at(f, "Relu").op = "Sigmoid" }},
		{"keras-outcome.onnx", "casts to INT64", func(f *file) { n := at(f, "Identity"); n.op, n.attributes = "Cast", []attribute{integer("to", 7)} }},
		{"keras-outcome.onnx", "only scaled inputs may be clipped, from -8 to 8", func(f *file) { at(f, "Relu").op = "Clip" }},
		{"keras-outcome.onnx", "float32 can hold", func(f *file) { f.graph.initializers[1].data = make([]byte, outcomeWidth*4) }},
		{"keras-fixed5.onnx", "want [-1 20]", func(f *file) { f.graph.initializers[0].data[8] = 10 }},
		{"keras-fixed5.onnx", "want a Flatten before it", func(f *file) { n := at(f, "Reshape"); n.op, n.inputs = "Identity", n.inputs[:1] }},
		{"keras-fixed5.onnx", "is over axis 0", func(f *file) { at(f, "Softmax").attributes[0].i = 0 }},
		{"pytorch-failure.onnx", "transA is set", func(f *file) { n := at(f, "Gemm"); n.attributes = append(n.attributes, integer("transA", 1)) }},
		{"pytorch-failure.onnx", `(BatchNormalization): is in training mode; export the network for inference`, func(f *file) { at(f, "BatchNormalization").attributes[2].i = 1 }},
		{"pytorch-failure.onnx", "has 4 inputs; want 5 to 5", func(f *file) { n := at(f, "BatchNormalization"); n.inputs = n.inputs[:4] }},
		{"pytorch-softmax.onnx", "transposes a constant of shape [10 20] by [0 1]", func(f *file) { at(f, "Transpose").attributes[0].is = []int64{0, 1} }},
		{"pytorch-softmax.onnx", "not the first output", func(f *file) { n := at(f, "Dropout"); n.outputs[0], n.outputs[1] = n.outputs[1], n.outputs[0] }},
	} {
		f := foreigners[c.file]().file
		c.change(&f)
		err := func() error {
			read, err := Read(bytes.NewReader(f.encode()))
			if err != nil {
				return err
			}
			_, err = read.Dense(true)
			return err
		}()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.file, err, c.want)
		}
	}
}

// TestRefusesOtherFiles says what a file is not.
func TestRefusesOtherFiles(t *testing.T) {
	external := appendMessage(appendInt(appendText(nil, 8, "net.0.weight"), 2, float32Kind), 13, appendText(nil, 1, "location"))
	for want, content := range map[string][]byte{
		"no version":                   nil,
		"not an ONNX file, or damaged": []byte("\x89HDF\r\n\x1a\n"),
		"damaged":                      foreigners["keras-outcome.onnx"]().fileContent()[:1000],
		"more than 4096 nodes":         appendMessage([]byte{8, 8}, 7, bytes.Repeat([]byte{1<<3 | 2, 0}, 4097)),
	} {
		if _, err := Read(bytes.NewReader(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v; want %q", content, err, want)
		}
	}
	f := foreigners["pytorch-failure.onnx"]().file
	f.graph.initializers = f.graph.initializers[1:]
	content := append(f.encode(), appendMessage(nil, 7, appendMessage(nil, 5, external))...)
	if _, err := read(t, content).Dense(true); err == nil || !strings.Contains(err.Error(), "external_data=False") {
		t.Errorf("external data: %v; want what to do about it", err)
	}
}
