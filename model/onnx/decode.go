package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// How many of anything a message may have: far beyond any dense network, and
// few enough that a file never takes much more memory than its own length.
const (
	maxNodes      = 4096
	maxTensors    = 4096
	maxNames      = 64 // inputs, outputs and attributes of a node
	maxAxes       = 8
	maxProperties = 1024
)

// field is one field of a message. What is asked of a field of another wire
// type is zero, as if the field were not there.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64
	bytes  []byte
}

// fields calls each for the fields of a message, in order.
func fields(b []byte, each func(f field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			f.bits = uint64(bits)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			return errors.New("a field of a type that ONNX does not use")
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// add appends what decode makes of a message, and refuses too many.
func add[T any](list *[]T, most int, what string, b []byte, decode func(*T, []byte) error) error {
	if len(*list) == most {
		return fmt.Errorf("more than %d %s", most, what)
	}
	var item T
	if err := decode(&item, b); err != nil {
		return err
	}
	*list = append(*list, item)
	return nil
}

func decodeText(s *string, b []byte) error { *s = string(b); return nil }

func (m *file) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			m.irVersion = int64(f.bits)
		case 2:
			m.producer = string(f.bytes)
		case 3:
			m.producerVersion = string(f.bytes)
		case 7:
			return m.graph.decode(f.bytes)
		case 8:
			return add(&m.opsets, maxNames, "sets of operators", f.bytes, (*opset).decode)
		case 14:
			return add(&m.metadata, maxProperties, "properties", f.bytes, decodeProperty)
		}
		return nil
	})
}

func (o *opset) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			o.domain = string(f.bytes)
		case 2:
			o.version = int64(f.bits)
		}
		return nil
	})
}

func decodeProperty(pair *[2]string, b []byte) error {
	return fields(b, func(f field) error {
		if f.number == 1 || f.number == 2 {
			pair[f.number-1] = string(f.bytes)
		}
		return nil
	})
}

func (g *graph) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			return add(&g.nodes, maxNodes, "nodes", f.bytes, (*node).decode)
		case 2:
			g.name = string(f.bytes)
		case 5:
			return add(&g.initializers, maxTensors, "initializers", f.bytes, (*tensor).decode)
		case 11:
			return add(&g.inputs, maxTensors, "inputs", f.bytes, (*value).decode)
		case 12:
			return add(&g.outputs, maxTensors, "outputs", f.bytes, (*value).decode)
		}
		return nil
	})
}

func (n *node) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			return add(&n.inputs, maxNames, "inputs of a node", f.bytes, decodeText)
		case 2:
			return add(&n.outputs, maxNames, "outputs of a node", f.bytes, decodeText)
		case 3:
			n.name = string(f.bytes)
		case 4:
			n.op = string(f.bytes)
		case 5:
			return add(&n.attributes, maxNames, "attributes of a node", f.bytes, (*attribute).decode)
		case 7:
			n.domain = string(f.bytes)
		}
		return nil
	})
}

func (a *attribute) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			a.name = string(f.bytes)
		case 2:
			a.f = math.Float32frombits(uint32(f.bits))
		case 3:
			a.i = int64(f.bits)
		case 5:
			a.t = &tensor{}
			return a.t.decode(f.bytes)
		case 8:
			return varints(f, func(v uint64) error {
				if len(a.is) == maxNames {
					return fmt.Errorf("more than %d numbers in an attribute", maxNames)
				}
				a.is = append(a.is, int64(v))
				return nil
			})
		case 20:
			a.kind = int64(f.bits)
		}
		return nil
	})
}

func (t *tensor) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			return varints(f, func(v uint64) error {
				if len(t.dims) == maxAxes {
					return fmt.Errorf("a tensor with more than %d axes", maxAxes)
				}
				t.dims = append(t.dims, int64(v))
				return nil
			})
		case 2:
			t.kind = int64(f.bits)
		case 4, 10: // fixed width, packed or one at a time: as in raw_data
			switch f.kind {
			case protowire.Fixed32Type:
				t.data = binary.LittleEndian.AppendUint32(t.data, uint32(f.bits))
			case protowire.Fixed64Type:
				t.data = binary.LittleEndian.AppendUint64(t.data, f.bits)
			default:
				t.data = append(t.data, f.bytes...)
			}
		case 5:
			return varints(f, func(v uint64) error { t.data = binary.LittleEndian.AppendUint32(t.data, uint32(v)); return nil })
		case 7:
			return varints(f, func(v uint64) error { t.data = binary.LittleEndian.AppendUint64(t.data, v); return nil })
		case 8:
			t.name = string(f.bytes)
		case 9:
			t.data = append(t.data, f.bytes...)
		case 13:
			t.external = true
		case 14:
			t.external = t.external || f.bits != 0
		}
		return nil
	})
}

// varints calls each for the numbers of a repeated field, packed or not.
func varints(f field, each func(uint64) error) error {
	if f.kind == protowire.VarintType {
		return each(f.bits)
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := each(v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// decode follows ValueInfoProto to the shape: type 2, tensor_type 1, shape 2.
func (v *value) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.name = string(f.bytes)
		case 2:
			return fields(f.bytes, func(f field) error {
				if f.number != 1 {
					return nil
				}
				return fields(f.bytes, func(f field) error {
					switch f.number {
					case 1:
						v.kind = int64(f.bits)
					case 2:
						v.shape = true
						return fields(f.bytes, func(f field) error {
							if f.number != 1 {
								return nil
							}
							return add(&v.dims, maxAxes, "axes of an input", f.bytes, (*dim).decode)
						})
					}
					return nil
				})
			})
		}
		return nil
	})
}

func (d *dim) decode(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			d.size = int64(f.bits)
		case 2:
			d.name = string(f.bytes)
		}
		return nil
	})
}
