package report

import (
	"embed"
	"html/template"
	"io"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/contest"
)

// Report is what the file shows. Findings and Table may each be nil; with
// neither there is only the head.
type Report struct {
	Title string
	// Command makes this report again, and Inputs are what it read.
	Command string
	Inputs  []Input
	// Findings are of the simulated mesh, Table of recorded history.
	Findings *contest.Findings
	Table    *replay.Table
	// Faults of the recording, where they were noted.
	Faults []datasets.Fault
	// Calibration compares what was predicted of a recording with what came;
	// empty where nothing was predicted.
	Calibration []CalibrationPoint
}

// Input is a file that was read, or a scenario that is built in.
type Input struct {
	Name   string
	SHA256 string // hexadecimal
}

// CalibrationPoint is the mean of what was predicted for some decisions that
// are alike, and of what came, in seconds.
type CalibrationPoint struct {
	Predicted, Came float64
}

//go:embed page.html page.css
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// Write writes the page. Equal reports give equal bytes.
func (r *Report) Write(w io.Writer) error {
	v, err := r.view()
	if err != nil {
		return err
	}
	return page.ExecuteTemplate(w, "page.html", v)
}
