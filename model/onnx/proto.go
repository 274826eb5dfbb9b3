package onnx

// The parts of onnx.proto that a dense network is written with; the comments
// of the fields are their numbers.
type (
	file struct {
		irVersion       int64       // 1
		producer        string      // 2
		producerVersion string      // 3
		graph           graph       // 7
		opsets          []opset     // 8
		metadata        [][2]string // 14: key 1, value 2
	}
	opset struct {
		domain  string // 1; empty for the operators of ONNX itself
		version int64  // 2
	}
	graph struct {
		nodes        []node   // 1
		name         string   // 2
		initializers []tensor // 5
		doc          string   // 10
		inputs       []value  // 11
		outputs      []value  // 12
	}
	node struct {
		inputs, outputs []string    // 1, 2
		name, op        string      // 3, 4
		attributes      []attribute // 5
		domain          string      // 7
	}
	attribute struct {
		name string  // 1
		f    float32 // 2
		i    int64   // 3
		t    *tensor // 5
		is   []int64 // 8
		kind int64   // 20
	}
	// tensor has its values as they are in raw_data, little-endian, also when
	// they came in a field of their own type.
	tensor struct {
		dims     []int64 // 1
		kind     int64   // 2
		name     string  // 8
		data     []byte  // 9 raw, or 4 float, 5 int32, 7 int64, 10 double
		external bool    // 13 or 14: the values are in another file
	}
	value struct {
		name  string // 1
		kind  int64  // 2.1.1
		dims  []dim  // 2.1.2.1
		shape bool   // whether there is a 2.1.2: else dims are not known
	}
	dim struct {
		size int64  // 1; 0 when it is not fixed
		name string // 2
	}
)

// Data types of tensors and types of attributes.
const (
	float32Kind = 1
	int64Kind   = 7
	float64Kind = 11

	floatAttribute = 1
	intAttribute   = 2
)

// kinds names the data types as onnx.proto does.
var kinds = map[int64]string{
	1: "FLOAT", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "STRING", 9: "BOOL",
	10: "FLOAT16", 11: "DOUBLE", 12: "UINT32", 13: "UINT64", 14: "COMPLEX64", 15: "COMPLEX128", 16: "BFLOAT16",
}

// attribute returns the named attribute, nil where the node has none.
func (n *node) attribute(name string) *attribute {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return &n.attributes[i]
		}
	}
	return nil
}

func (n *node) int(name string, otherwise int64) int64 {
	if a := n.attribute(name); a != nil {
		return a.i
	}
	return otherwise
}

func (n *node) float(name string, otherwise float32) float32 {
	if a := n.attribute(name); a != nil {
		return a.f
	}
	return otherwise
}

// input returns the name of an input, empty where it is left out.
func (n *node) input(i int) string {
	if i < len(n.inputs) {
		return n.inputs[i]
	}
	return ""
}
