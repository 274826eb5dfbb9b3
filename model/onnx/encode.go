package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

func (f *file) encode() []byte {
	var b []byte
	b = appendInt(b, 1, f.irVersion)
	b = appendText(b, 2, f.producer)
	b = appendText(b, 3, f.producerVersion)
	b = appendMessage(b, 7, f.graph.encode())
	for _, o := range f.opsets {
		b = appendMessage(b, 8, appendInt(appendText(nil, 1, o.domain), 2, o.version))
	}
	for _, pair := range f.metadata {
		b = appendMessage(b, 14, appendText(appendText(nil, 1, pair[0]), 2, pair[1]))
	}
	return b
}

func (g *graph) encode() []byte {
	var b []byte
	for i := range g.nodes {
		b = appendMessage(b, 1, g.nodes[i].encode())
	}
	b = appendText(b, 2, g.name)
	for i := range g.initializers {
		b = appendMessage(b, 5, g.initializers[i].encode())
	}
	b = appendText(b, 10, g.doc)
	for _, v := range g.inputs {
		b = appendMessage(b, 11, v.encode())
	}
	for _, v := range g.outputs {
		b = appendMessage(b, 12, v.encode())
	}
	return b
}

func (n *node) encode() []byte {
	var b []byte
	for _, name := range n.inputs { // an empty one keeps its place
		b = appendMessage(b, 1, []byte(name))
	}
	for _, name := range n.outputs {
		b = appendMessage(b, 2, []byte(name))
	}
	b = appendText(b, 3, n.name)
	b = appendText(b, 4, n.op)
	for i := range n.attributes {
		b = appendMessage(b, 5, n.attributes[i].encode())
	}
	return appendText(b, 7, n.domain)
}

func (a *attribute) encode() []byte {
	b := appendText(nil, 1, a.name)
	switch {
	case a.kind == floatAttribute:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(a.f))
	case a.kind == intAttribute:
		b = appendInt(b, 3, a.i)
	case a.t != nil:
		b = appendMessage(b, 5, a.t.encode())
	}
	for _, i := range a.is {
		b = appendInt(b, 8, i)
	}
	return appendInt(b, 20, a.kind)
}

func (t *tensor) encode() []byte {
	var b []byte
	for _, d := range t.dims {
		b = appendInt(b, 1, d)
	}
	b = appendInt(b, 2, t.kind)
	b = appendText(b, 8, t.name)
	return appendMessage(b, 9, t.data)
}

func (v *value) encode() []byte {
	var shape []byte
	for _, d := range v.dims {
		if d.name != "" {
			shape = appendMessage(shape, 1, appendText(nil, 2, d.name))
		} else {
			shape = appendMessage(shape, 1, appendInt(nil, 1, d.size))
		}
	}
	of := appendMessage(appendInt(nil, 1, v.kind), 2, shape)
	return appendMessage(appendText(nil, 1, v.name), 2, appendMessage(nil, 1, of))
}

func appendInt(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

func appendText(b []byte, n protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendMessage(b, n, []byte(s))
}

func appendMessage(b []byte, n protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}
