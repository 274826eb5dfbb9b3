package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fairway-mesh/fairway/predict/kernel"
)

const inputName, outputName = "x", "y"

// The numbers of the fields in onnx.proto, which the format keeps for ever.
const (
	modelIR, modelGraph, modelOpsets            = 1, 7, 8
	opsetVersion                                = 2
	graphNode, graphName, graphTensor           = 1, 2, 5
	graphInput, graphOutput                     = 11, 12
	nodeInput, nodeOutput, nodeOp, nodeSettings = 1, 2, 4, 5
	settingName, settingInt, settingType        = 1, 3, 20
	tensorDims, tensorType, tensorName          = 1, 2, 8
	tensorRaw                                   = 9
	valueName, valueType, typeTensor            = 1, 2, 1
	typeElement, typeShape, shapeDim            = 1, 2, 1
	dimValue, dimName                           = 1, 2

	float32Type, intSetting = 1, 2
)

// message is a protobuf message at work.
type message []byte

func (m *message) bytes(field protowire.Number, value []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), value)
}

func (m *message) text(field protowire.Number, value string) { m.bytes(field, []byte(value)) }

func (m *message) number(field protowire.Number, value int) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(value))
}

// encode writes the layers as an ONNX model: Gemm with the weights as they are
// (transB), and Relu, for any number of rows.
func encode(layers []kernel.Layer) []byte {
	var graph, opset, m message
	graph.text(graphName, "network")
	x := inputName
	for i, l := range layers {
		w, b, y := fmt.Sprint("w", i), fmt.Sprint("b", i), fmt.Sprint("z", i)
		graph.bytes(graphTensor, tensor(w, l.W, l.Out, l.In))
		graph.bytes(graphTensor, tensor(b, l.B, l.Out))
		if i == len(layers)-1 && !l.ReLU {
			y = outputName
		}
		graph.bytes(graphNode, node("Gemm", y, "transB", x, w, b))
		if x = y; !l.ReLU {
			continue
		}
		if x = fmt.Sprint("h", i); i == len(layers)-1 {
			x = outputName
		}
		graph.bytes(graphNode, node("Relu", x, "", y))
	}
	graph.bytes(graphInput, value(inputName, layers[0].In))
	graph.bytes(graphOutput, value(outputName, layers[len(layers)-1].Out))
	opset.number(opsetVersion, 13)
	m.number(modelIR, 8)
	m.bytes(modelGraph, graph)
	m.bytes(modelOpsets, opset)
	return m
}

// node is an operation; set, if not empty, is a setting that becomes 1.
func node(op, output, set string, inputs ...string) []byte {
	var m message
	for _, in := range inputs {
		m.text(nodeInput, in)
	}
	m.text(nodeOutput, output)
	m.text(nodeOp, op)
	if set != "" {
		var s message
		s.text(settingName, set)
		s.number(settingInt, 1)
		s.number(settingType, intSetting)
		m.bytes(nodeSettings, s)
	}
	return m
}

func tensor(name string, values []float32, dims ...int) []byte {
	var m message
	for _, d := range dims {
		m.number(tensorDims, d)
	}
	m.number(tensorType, float32Type)
	m.text(tensorName, name)
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	m.bytes(tensorRaw, raw)
	return m
}

// value says that rows of so many columns come in or go out.
func value(name string, columns int) []byte {
	var rows, column, shape, inner, outer, m message
	rows.text(dimName, "rows")
	column.number(dimValue, columns)
	shape.bytes(shapeDim, rows)
	shape.bytes(shapeDim, column)
	inner.number(typeElement, float32Type)
	inner.bytes(typeShape, shape)
	outer.bytes(typeTensor, inner)
	m.text(valueName, name)
	m.bytes(valueType, outer)
	return m
}
