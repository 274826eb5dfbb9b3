package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

func kindName(kind int64) string {
	if name := kinds[kind]; name != "" {
		return name
	}
	return fmt.Sprintf("type %d", kind)
}

// width checks that a tensor has the values that its shape asks for, and
// returns the bytes of each.
func (t *tensor) width() (int, error) {
	if t.external {
		return 0, fmt.Errorf("the values of %q are in another file, as external data; export into one file (PyTorch: torch.onnx.export(…, external_data=False); else onnx.save_model(onnx.load(path), one, save_as_external_data=False))", short(t.name))
	}
	width := 0
	switch t.kind {
	case float32Kind:
		width = 4
	case float64Kind, int64Kind:
		width = 8
	default:
		return 0, fmt.Errorf("%q is of %s; want FLOAT or DOUBLE", short(t.name), kindName(t.kind))
	}
	n := int64(1)
	for _, d := range t.dims {
		if d < 0 || d > math.MaxInt32 || n*d > maxValues {
			return 0, fmt.Errorf("%q claims the shape %v; at most %d values can be read", short(t.name), t.dims, maxValues)
		}
		n *= d
	}
	if int64(len(t.data)) != n*int64(width) {
		return 0, fmt.Errorf("%q has %d bytes of values; its shape %v asks for %d", short(t.name), len(t.data), t.dims, n*int64(width))
	}
	return width, nil
}

// floats returns the values of a tensor, all of them finite.
func (x *index) floats(name string) ([]float64, *tensor, error) {
	t, err := x.tensor(name)
	if err != nil {
		return nil, nil, err
	}
	width, err := t.width()
	if err != nil {
		return nil, nil, err
	}
	if t.kind == int64Kind {
		return nil, nil, fmt.Errorf("%q is of INT64; want FLOAT or DOUBLE", short(t.name))
	}
	if err := x.take(len(t.data) / width); err != nil {
		return nil, nil, err
	}
	values := make([]float64, len(t.data)/width)
	for i := range values {
		if width == 4 {
			values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:])))
		} else {
			values[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.data[8*i:]))
		}
		if v := values[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("value %d of %q is %v; want finite numbers", i, short(t.name), v)
		}
	}
	return values, t, nil
}

// scalar returns the only value of a tensor.
func (x *index) scalar(name string) (float64, error) {
	values, t, err := x.floats(name)
	if err != nil {
		return 0, err
	}
	if len(values) != 1 {
		return 0, fmt.Errorf("%q has the shape %v; want one value", short(t.name), t.dims)
	}
	return values[0], nil
}

// vector returns values for each of `width` columns, or as many as there are
// where width is 0. One value stands for all, as ONNX broadcasts it.
func (x *index) vector(name string, width int) ([]float64, error) {
	values, t, err := x.floats(name)
	if err != nil {
		return nil, err
	}
	for _, d := range t.dims[:max(len(t.dims)-1, 0)] {
		if d != 1 {
			return nil, fmt.Errorf("%q has the shape %v; want one value per column", short(t.name), t.dims)
		}
	}
	switch {
	case len(values) == 0:
		return nil, fmt.Errorf("%q is empty", short(t.name))
	case width == 0 || len(values) == width:
		return values, nil
	case len(values) != 1:
		return nil, fmt.Errorf("%q has %d values; %d columns come in", short(t.name), len(values), width)
	}
	all := make([]float64, width)
	for i := range all {
		all[i] = values[0]
	}
	return all, nil
}

// ints returns the values of a tensor of INT64, such as a shape.
func (x *index) ints(name string) ([]int64, error) {
	t, err := x.tensor(name)
	if err != nil {
		return nil, err
	}
	if t.kind != int64Kind {
		return nil, fmt.Errorf("%q is of %s; want INT64", short(t.name), kindName(t.kind))
	}
	if _, err := t.width(); err != nil {
		return nil, err
	}
	if len(t.data) > 8*maxAxes {
		return nil, errors.New("a shape of more than 8 axes")
	}
	values := make([]int64, len(t.data)/8)
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(t.data[8*i:]))
	}
	return values, nil
}
