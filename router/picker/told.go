package picker

import "slices"

// Board is what the slow loop tells pickers beside weights. Each part has one
// value per endpoint, NaN where unknown, or is empty where nothing is known.
type Board struct {
	InFlight []float64 // requests that were served or waiting at the last scrape
	Service  []float64 // predicted seconds that a request takes on an idle endpoint
	Capacity []float64 // predicted requests/s that the endpoint can do
}

// Clear empties the board and keeps its memory.
func (b *Board) Clear() {
	b.InFlight, b.Service, b.Capacity = b.InFlight[:0], b.Service[:0], b.Capacity[:0]
}

// Clone returns a copy with memory of its own.
func (b Board) Clone() Board {
	return Board{slices.Clone(b.InFlight), slices.Clone(b.Service), slices.Clone(b.Capacity)}
}
