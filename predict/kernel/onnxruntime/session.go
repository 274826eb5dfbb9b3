package main

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// openLibrary loads ONNX Runtime, once in a process, and returns its version.
func openLibrary(path string) (version string, closeLibrary func() error, err error) {
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return ort.GetVersion(), ort.DestroyEnvironment, nil
}

// session is a network in ONNX Runtime, on one thread, with its inputs and
// outputs in place: a call of run is one call through cgo.
type session struct {
	session *ort.AdvancedSession
	in, out *ort.Tensor[float32]
}

func newSession(model []byte, x []float32, rows, in, out int) (s *session, err error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll)); err != nil {
		return nil, err
	}
	s = &session{}
	if s.in, err = ort.NewTensor(ort.NewShape(int64(rows), int64(in)), x); err != nil {
		return nil, err
	}
	if s.out, err = ort.NewEmptyTensor[float32](ort.NewShape(int64(rows), int64(out))); err != nil {
		return nil, err
	}
	s.session, err = ort.NewAdvancedSessionWithONNXData(model, []string{"x"}, []string{"y"}, []ort.Value{s.in}, []ort.Value{s.out}, options)
	return s, err
}

func (s *session) run() error         { return s.session.Run() }
func (s *session) outputs() []float32 { return s.out.GetData() }
func (s *session) close() error {
	return errors.Join(s.session.Destroy(), s.in.Destroy(), s.out.Destroy())
}
