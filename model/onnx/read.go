package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/fairway-mesh/fairway/model"
)

// maxFile bounds what is read: the parameters of the largest model file, in
// double precision, and what is around them.
const maxFile = 2*(64<<20) + 32<<20

// ErrForeign says that a file was not written by fairway, so that it does not
// say what its inputs and outputs mean.
var ErrForeign = errors.New("it was not written by fairway, and does not say what its inputs and outputs mean")

// File is an ONNX file: a graph that may or may not be a dense network.
type File struct {
	file  file
	index *index
}

// Read reads a file, up to the end of r. Memory grows with what is really
// there, never with what the file claims.
func Read(r io.Reader) (*File, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("onnx: read: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("onnx: it has more than %d bytes; no network that fits into a model has as many", maxFile)
	}
	f := &File{}
	if err := f.file.decode(content); err != nil {
		return nil, fmt.Errorf("onnx: not an ONNX file, or damaged: %w", err)
	}
	if f.file.irVersion < 1 || len(f.file.graph.outputs) == 0 {
		return nil, errors.New("onnx: not an ONNX file: no version, or no graph with an output")
	}
	if f.index, err = newIndex(&f.file); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return f, nil
}

// Producer is the program that says it wrote the file, and its version.
func (f *File) Producer() string {
	switch {
	case f.file.producer == "":
		return "an unknown program"
	case f.file.producerVersion == "":
		return short(f.file.producer)
	}
	return short(f.file.producer) + " " + short(f.file.producerVersion)
}

// Dense reads the file's only network. With raw, its inputs are columns as
// they are in a frame, and how it scales them becomes the Scaler; else that
// becomes part of the first layer.
func (f *File) Dense(raw bool) (*Dense, error) {
	outputs := f.file.graph.outputs
	if len(outputs) != 1 {
		return nil, fmt.Errorf("onnx: the graph has %d outputs; want the one of a dense network", len(outputs))
	}
	d, err := f.dense(outputs[0].name, raw)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return d, nil
}

func (f *File) dense(output string, raw bool) (*Dense, error) {
	a, err := f.index.assemble(output)
	if err != nil {
		return nil, err
	}
	return a.result(raw)
}

// Model returns the model that Write wrote; ErrForeign when there is none.
// Weights come from the graph, the rest from the properties.
func (f *File) Model() (*model.Model, error) {
	header, ok := f.property(modelKey)
	if !ok {
		return nil, fmt.Errorf("onnx: %w", ErrForeign)
	}
	m := &model.Model{}
	if err := json.Unmarshal([]byte(header), m); err != nil {
		return nil, fmt.Errorf("onnx: property %s: %w", modelKey, err)
	}
	if hash, ok := f.property(hashKey); ok && hash != m.Schema.Hash() {
		return nil, fmt.Errorf("onnx: property %s is %q, and the schema of %s has the hash %s: it was changed by hand", hashKey, short(hash), modelKey, m.Schema.Hash())
	}
	if n := m.Routing; n != nil {
		if err := f.fillRouting(n); err != nil {
			return nil, fmt.Errorf("onnx: routing network: %w", err)
		}
	}
	if h := m.Failure; h != nil {
		if err := f.fill(h.Layers, &h.Scaler, failureOutputs); err != nil {
			return nil, fmt.Errorf("onnx: failure network: %w", err)
		}
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// fillRouting fills a routing network, its members and its doubt.
func (f *File) fillRouting(n *model.Network) error {
	outputs := outputsOf(n)
	if err := f.fill(n.Layers, &n.Scaler, outputs[0]); err != nil {
		return err
	}
	for i, layers := range n.Members {
		if err := f.fill(layers, &n.Scaler, outputs[i+1]); err != nil {
			return fmt.Errorf("member %d: %w", i+1, err)
		}
	}
	if n.Doubt == nil {
		return nil
	}
	var p parameters
	text, _ := f.property(whitenKey)
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("property %s: %w", whitenKey, err)
	}
	n.Doubt.Whiten.W, n.Doubt.Whiten.B = p.W, p.B
	return nil
}

// fill gives layers their parameters, after making sure that graph and
// properties speak of the same network.
func (f *File) fill(layers []model.Layer, s *model.Scaler, output string) error {
	d, err := f.dense(output, true)
	if err != nil {
		return err
	}
	if len(d.Layers) != len(layers) {
		return fmt.Errorf("the graph has %d layers, the property %s speaks of %d", len(d.Layers), modelKey, len(layers))
	}
	for i, l := range d.Layers {
		if want := layers[i]; l.In != want.In || l.Out != want.Out || l.ReLU != want.ReLU {
			return fmt.Errorf("layer %d of the graph is %d → %d (ReLU %v), in the property %s it is %d → %d (ReLU %v)", i+1, l.In, l.Out, l.ReLU, modelKey, want.In, want.Out, want.ReLU)
		}
		layers[i] = l
	}
	own := d.Scaler
	if own == nil || !d.Clipped || d.Tail != "" || !slices.Equal(own.Center, s.Center) || !slices.Equal(own.Scale, s.Scale) || !slices.Equal(own.Impute, s.Impute) {
		return fmt.Errorf("the graph does not scale its inputs as the property %s says: it was changed; import it as a network of others", modelKey)
	}
	return nil
}

func (f *File) property(key string) (string, bool) {
	for _, pair := range f.file.metadata {
		if pair[0] == key {
			return pair[1], true
		}
	}
	return "", false
}
