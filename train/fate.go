package train

import "github.com/fairway-mesh/fairway/datasets"

// fated are the examples of a moment of history h whose fates are told.
func fated(m *Moment, fates []Fate, h int) []example {
	var examples []example
	for k, f := range fates {
		if f.Watched {
			examples = append(examples, example{place{m, k}, f.Failed, f.After, h})
		}
	}
	return examples
}

// teller tells the fates of a recording's moments while they stream by.
type teller struct{ *Watch }

// push takes the next moment, and gives away those whose fate is sealed.
func (w teller) push(m *Moment, give func(*Moment)) {
	held := heldWindow{m.Service, m.Time, m.Endpoints, m}
	w.Watch.push(held, func(i int) Seen { return m.Now[i] }, given(give))
}

// finish gives away the rest.
func (w teller) finish(give func(*Moment)) { w.Watch.finish(given(give)) }

func given(give func(*Moment)) func(heldWindow, Told) {
	return func(h heldWindow, t Told) {
		h.moment.Fates = t.Fates
		give(h.moment)
	}
}

// onsets counts the endpoints that began to fail in each part of the split.
func (w *Watch) onsets() (count [3]int) {
	for k := range w.incidents {
		for _, f := range w.incidents[k].Failures {
			if p := w.split.Part(f.Start); p != datasets.None {
				count[p-datasets.Train]++
			}
		}
	}
	return count
}
