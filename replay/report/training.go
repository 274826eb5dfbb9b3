package report

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"

	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/train"
)

// Training is the page of a training.
type Training struct {
	Title string
	// Command makes this page again, and Inputs are what it read.
	Command string
	Inputs  []Input
	Report  *train.Report
	// Replays judged the new model on recordings, each against one reference;
	// none where there was nothing to judge by.
	Replays []*replay.Table
}

// Write writes the page. Equal trainings give equal bytes.
func (t *Training) Write(w io.Writer) error {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	v := &view{Title: t.Title, Style: template.CSS(style), Command: t.Command, Inputs: t.Inputs}
	p := &painter{}
	v.training(t, p)
	if p.err != nil {
		return p.err
	}
	return page.ExecuteTemplate(w, "page.html", v)
}

func (v *view) training(t *Training, p *painter) {
	r := t.Report
	v.What = fmt.Sprintf("What came of training %s, network %s, seed %d.", count(len(r.Parts), "recording", "recordings"), r.Network, r.Seed)
	for _, one := range t.Replays {
		v.verdicts(one.Verdicts, one.Recording)
	}
	v.Warnings = r.Notes
	if r.Routing != nil {
		v.routing(r.Routing, p)
	}
	if r.Failure != nil {
		v.failure(r.Failure, p)
	}
	v.Sections = append(v.Sections, learning(r, p))
	for _, one := range t.Replays {
		v.Sections = append(v.Sections, replayed(one, p)...)
	}
	v.Sections = append(v.Sections, learnedFrom(r))
	v.trainingTerms(t)
}

// routing shows the errors of both parts, and what stands behind those of the
// later one.
func (v *view) routing(r *train.RoutingReport, p *painter) {
	for _, part := range []struct {
		name, about string
		judged      *train.Judgement
	}{
		{"test", "Time that training never saw.", &r.Test},
		{"validation", "Time that training never learned from, but that chose the epoch: the errors flatter.", &r.Validation},
	} {
		v.Sections = append(v.Sections, errorsSection(part.name, part.about, part.judged, p))
		if e := part.judged.Errors; e != nil && len(e.Scores) > 0 {
			v.Sections = append(v.Sections, lostSection(part.name, e))
		}
	}
	judged, name := r.Test.Errors, "test"
	if judged == nil || len(judged.Scores) == 0 {
		judged, name = r.Validation.Errors, "validation"
	}
	if judged == nil || len(judged.Scores) == 0 {
		return
	}
	v.Sections = append(v.Sections, regimesSection(name, judged.Regimes), calibrationSection(name, judged, p))
	if r.Validation.Errors != nil && len(r.Validation.Errors.Importance) > 0 {
		v.Sections = append(v.Sections, importanceSection(r.Validation.Errors.Importance, p))
	}
}

// learning has the curves of every network, and of every trial of a search.
func learning(r *train.Report, p *painter) section {
	out := section{Name: "Learning curves"}
	draw := func(name string, c *train.Course) {
		if len(c.Epochs) > 1 {
			p.add(learningCurve(name, c))
		}
	}
	if r.Routing != nil {
		kept := "The trained network is kept."
		if !r.Routing.Kept {
			kept = "No epoch beat the untrained network: it is kept."
		}
		out.Texts = append(out.Texts, fmt.Sprintf("Routing: %d inputs, %d rows to learn from, %d to choose by. %s", len(r.Routing.Inputs), r.Routing.Rows[0], r.Routing.Rows[1], kept))
		draw("Routing network", &r.Routing.Course)
	}
	if r.Search != nil {
		p.add(trials(r.Search))
		out.Tables = append(out.Tables, trialsTable(r.Search))
		if r.Search.Cut != "" {
			out.Notes = append(out.Notes, "The search: "+r.Search.Cut)
		}
	}
	if r.Failure != nil && r.Failure.Shipped {
		out.Texts = append(out.Texts, fmt.Sprintf("Failure forecast: the %s is shipped, which did better in validation.", r.Failure.Courses.Shipped))
		draw("Failure forecast, network", &r.Failure.Courses.Network)
		draw("Failure forecast, logistic", &r.Failure.Courses.Logistic)
	}
	out.Pictures = p.taken()
	return out
}

func learningCurve(name string, c *train.Course) *chart {
	learned, validated := line{name: "training, with dropout", colour: 0}, line{name: "validation", colour: 1}
	for _, e := range c.Epochs {
		x := float64(e.Epoch)
		learned.x, learned.y = append(learned.x, x), append(learned.y, float64(e.Loss))
		validated.x, validated.y = append(validated.x, x), append(validated.y, float64(e.Validation))
	}
	lines := []line{learned, validated}
	about := "Stopped: " + c.Stop + "."
	if c.Best >= 0 && c.Best < len(c.Epochs) {
		best := c.Epochs[c.Best]
		lines = append(lines, line{name: fmt.Sprintf("epoch %d, kept", best.Epoch), colour: 2, dots: true, x: []float64{float64(best.Epoch)}, y: []float64{float64(best.Validation)}})
	}
	return &chart{title: name, about: about, x: axis{label: "epoch", ticks: wholeTicks{}}, y: axis{label: "loss"}, lines: lines}
}

// trials shows the validation loss of every trial of a search.
func trials(s *train.Search) *chart {
	c := &chart{title: "Trials of the search", about: "Validation loss. A third of the trials goes on for three times the epochs, twice; the thick one was chosen.", x: axis{label: "epoch", ticks: wholeTicks{}}, y: axis{label: "loss"}}
	for n, one := range s.Trials {
		l := line{colour: muted, thin: true}
		if n == s.Chosen {
			l = line{name: trialName(n), colour: 1}
		}
		for epoch, loss := range one.Losses {
			l.x, l.y = append(l.x, float64(epoch)), append(l.y, float64(loss))
		}
		c.lines = append(c.lines, l)
	}
	return c
}

func trialName(n int) string { return fmt.Sprintf("trial %d", n+1) }

func trialsTable(s *train.Search) table {
	t := table{About: "Trials; the first has the settings that were given", Heads: []string{"validation", "epochs", "best", "learning rate", "width", "dropout", "batch"}}
	for n, one := range s.Trials {
		row := tableRow{Name: trialName(n)}
		if n == s.Chosen {
			row.Name += ", chosen"
		}
		for _, text := range []string{numberText(one.Validation), fmt.Sprint(one.Epochs), fmt.Sprint(one.Best), fmt.Sprintf("%.2g", one.LearningRate), fmt.Sprint(one.Width), fmt.Sprintf("%.2f", one.Dropout), fmt.Sprint(one.Batch)} {
			row.Cells = append(row.Cells, plain(text))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// wholeTicks are those of an axis of counts.
type wholeTicks struct{}

// Ticks implements plot.Ticker.
func (wholeTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	step := 1.0
	for k := 0; (high-low)/step > 6; k++ {
		step *= [3]float64{2, 2.5, 2}[k%3]
	}
	for x := math.Ceil(low/step) * step; x <= high; x += step {
		ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprint(int(x))})
	}
	return ticks
}

// replayed shows what a replay compared, without its pictures over time.
func replayed(t *replay.Table, p *painter) []section {
	all := t.Sections[0]
	all.Curves = nil
	out := recordedSection(&Report{Table: t}, &all, p)
	out.Name = fmt.Sprintf("Replay of %s against %s", t.Recording, t.Reference)
	out.Texts = append([]string{fmt.Sprintf("Judged from %s to %s UTC. It %s: an endpoint is taken to answer as it was recorded to, whatever weight it gets. fairway replay tells more, and can simulate.",
		clockText(t.From), clockText(t.To), t.Label)}, out.Texts...)
	out.Notes = append(out.Notes, t.Warnings...)
	return []section{out}
}

// learnedFrom shows the recordings and the services.
func learnedFrom(r *train.Report) section {
	out := section{Name: "What was learned from"}
	parts := table{About: "Recordings, split by time", Heads: []string{"from", "to", "train", "validation", "test"}}
	for _, one := range r.Parts {
		row := tableRow{Name: one.Recording}
		for _, text := range []string{clockText(one.Start), clockText(one.End), fmt.Sprint(one.Train), fmt.Sprint(one.Validation), fmt.Sprint(one.Test)} {
			row.Cells = append(row.Cells, plain(text))
		}
		parts.Rows = append(parts.Rows, row)
	}
	services := table{About: "Services", Heads: []string{"endpoints", "decisions", "shares varied", ""}}
	for _, s := range r.Services {
		var remarks []string
		for _, one := range []struct {
			is   bool
			text string
		}{{s.NoChoice, "no choice, not trained"}, {s.Unidentified, "load effect not identifiable"}, {s.DeadErrors, "dead error ratio"}} {
			if one.is {
				remarks = append(remarks, one.text)
			}
		}
		services.Rows = append(services.Rows, tableRow{Name: s.Name, Cells: []cell{
			plain(fmt.Sprint(s.Endpoints)), plain(fmt.Sprint(s.Decisions)), plain(percentText(s.Variation)), plain(strings.Join(remarks, ", "))}})
	}
	out.Tables = []table{parts, services}
	for _, said := range []struct {
		name  string
		names []string
	}{{"Columns with one value only", r.Constant}, {"Columns without any value", r.Absent}} {
		if len(said.names) > 0 {
			out.Notes = append(out.Notes, said.name+": "+strings.Join(said.names, ", "))
		}
	}
	return out
}

func plain(text string) (c cell) {
	c.Value = text
	return c
}
