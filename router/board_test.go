package router

import (
	"testing"
	"time"
)

func TestBoard(t *testing.T) {
	list := rows(3)
	list[0].inFlight, list[1].inFlight, list[0].capacity = 7, nan, 100
	p := Board(defaults(boardParameters, nil), DefaultConfig())
	d := decide(t, p, looking(0, list...))
	same(t, "weights", d.Weights, 1.0/3, 1.0/3, 1.0/3)
	if len(d.Board.InFlight) != 3 || d.Board.InFlight[0] != 7 || d.Board.InFlight[1] == d.Board.InFlight[1] || d.Board.InFlight[2] != 2 {
		t.Errorf("board %v; want 7, unknown, 2", d.Board.InFlight)
	}
	if c := d.Board.Capacity; len(c) != 3 || c[0] != 100 || len(d.Board.Service) != 0 {
		t.Errorf("capacities %v, service %v; want 100 first, and none of a frame that has no column of it", c, d.Board.Service)
	}
	if c := d.Clone(); &c.Board.InFlight[0] == &d.Board.InFlight[0] {
		t.Error("a copy shares the board")
	}
	p = Board(defaults(boardParameters, Values{"capacity": 1}), DefaultConfig())
	same(t, "by capacity", decide(t, p, looking(0, list...)).Weights, 0.5, 0.25, 0.25)
	f := looking(0, list...)
	f.Time = f.End.Add(16 * time.Second)
	if d = decide(t, p, f); len(d.Board.InFlight) != 0 {
		t.Errorf("a board of 16 s ago: %v", d.Board.InFlight)
	}
	for i := range list {
		list[i].inFlight = nan
	}
	if d = decide(t, p, looking(1, list...)); len(d.Board.InFlight) != 0 {
		t.Errorf("nobody tells: %v", d.Board.InFlight)
	}
}
