package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// onnxRuntime returns the folder of ONNX Runtime's package for Node.js, which
// npm installs into the user's cache the first time. Without npm the test is
// skipped, except in CI, where nothing may be.
func onnxRuntime(t *testing.T) string {
	t.Helper()
	tool(t, "npm")
	tool(t, "node")
	if err := installONNXRuntime(t.Context(), t.Output()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return filepath.Join(onnxRuntimeFolder, "node_modules", "onnxruntime-node")
}

// numbers is a tensor on the way to ONNX Runtime and back.
type numbers struct {
	Type string `json:"type"` // float32 or float64
	Dims []int  `json:"dims"`
	Data []byte `json:"data"` // little-endian
}

func tensorOf(double bool, values []float32, dims ...int) numbers {
	n := numbers{Type: "float32", Dims: dims}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	var data any = values
	if double {
		n.Type, data = "float64", wide
	}
	n.Data, _ = binary.Append(nil, binary.LittleEndian, data) // of numbers: no error
	return n
}

func (n *numbers) values(t *testing.T) []float64 {
	t.Helper()
	if n.Type == "float64" {
		values := make([]float64, len(n.Data)/8)
		if _, err := binary.Decode(n.Data, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	narrow := make([]float32, len(n.Data)/4)
	if _, err := binary.Decode(n.Data, binary.LittleEndian, narrow); err != nil {
		t.Fatal(err)
	}
	values := make([]float64, len(narrow))
	for i, v := range narrow {
		values[i] = float64(v)
	}
	return values
}

// inONNXRuntime returns what the file's outputs are for the given inputs.
func inONNXRuntime(t *testing.T, file string, feeds map[string]numbers) map[string][]float64 {
	t.Helper()
	question, err := json.Marshal(map[string]any{"module": onnxRuntime(t), "model": file, "feeds": feeds})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	node := exec.CommandContext(ctx, tool(t, "node"), filepath.Join("testdata", "onnxruntime.js"))
	var complaints bytes.Buffer
	node.Stdin, node.Stderr = bytes.NewReader(question), &complaints
	text, err := node.Output()
	if err != nil {
		t.Fatalf("ONNX Runtime: %v: %s", err, complaints.String())
	}
	var answer map[string]numbers
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	outputs := map[string][]float64{}
	for name, n := range answer {
		outputs[name] = n.values(t)
		if len(n.Dims) != 2 || n.Dims[0]*n.Dims[1] != len(outputs[name]) {
			t.Fatalf("output %s has the shape %v and %d values; want rows of outputs", name, n.Dims, len(outputs[name]))
		}
	}
	return outputs
}
