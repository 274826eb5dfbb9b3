// Package onnx carries networks across: a model's out, as a graph that any
// ONNX runtime runs from raw columns to raw outputs, and dense networks of
// others in. docs/onnx.md says what the outputs mean, and what can be read.
package onnx
