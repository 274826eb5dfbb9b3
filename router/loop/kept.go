package loop

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// kept are the windows of the last minutes as they came, by which a new line gets to
// know the mesh before it serves.
type kept struct {
	rounds []round
	begun  int // rounds that were kept before these
	values int
}

// round are the windows of one time.
type round struct {
	windows  []mesh.Window
	modelled map[string]bool // services for which the former line's model answered then
	size     int             // values, for the bound
}

// keepFor and keepValues bound what is kept. A value is 8 bytes.
const (
	keepFor    = 10 * time.Minute
	keepValues = 4 << 20
)

// add keeps the windows of one time, and forgets what is too old or too much.
func (k *kept) add(windows []mesh.Window, modelled map[string]bool) {
	r := round{windows: windows, modelled: modelled}
	for i := range windows {
		r.size += len(windows[i].Values) + len(windows[i].Requests)
	}
	k.rounds = append(k.rounds, r)
	k.values += r.size
	now, drop := windows[0].Time, 0
	for len(k.rounds)-drop > 1 && (k.values > keepValues || now.Sub(k.rounds[drop].windows[0].Time) > keepFor) {
		k.values -= k.rounds[drop].size
		k.rounds[drop] = round{}
		drop++
	}
	k.rounds, k.begun = k.rounds[drop:], k.begun+drop
}

// since returns the rounds after the first n that ever were, and how many there have
// been. They may be read while more are added.
func (k *kept) since(n int) ([]round, int) {
	end := k.begun + len(k.rounds)
	n = min(max(n, k.begun), end)
	return append([]round(nil), k.rounds[n-k.begun:]...), end
}

// forget begins anew: what was kept is of another time.
func (k *kept) forget() {
	*k = kept{begun: k.begun + len(k.rounds)}
}
