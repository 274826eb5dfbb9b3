package train

import "io"

// Report says what came of a training.
type Report struct{}

// WriteText writes the report for people to read.
func (r *Report) WriteText(w io.Writer) error { return nil }
