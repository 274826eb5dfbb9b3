package main

import (
	"os"
	"testing"

	"github.com/fairway-mesh/fairway/predict/kernel/origin"
)

// TestSameAnswers: ONNX Runtime and the kernel run the same network. Without the
// library it is skipped, except in CI, where nothing may be.
func TestSameAnswers(t *testing.T) {
	library, err := installed()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	layers, x := origin.Train(1)
	f, err := compare(t.Context(), library, layers, x, 1)
	if err != nil {
		t.Fatal(err)
	}
	for rows, r := range f.Rows {
		t.Logf("%s rows, ns a row: kernel %.0f, ONNX Runtime %s %.0f", rows, r.Kernel, f.Version, r.ONNX)
		if !(r.Difference <= 1e-4) {
			t.Errorf("%s rows: answers differ by up to %v", rows, r.Difference)
		}
	}
}
