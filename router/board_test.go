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
	if len(d.Board) != 3 || d.Board[0] != 7 || d.Board[1] == d.Board[1] || d.Board[2] != 2 {
		t.Errorf("board %v; want 7, unknown, 2", d.Board)
	}
	p = Board(defaults(boardParameters, Values{"capacity": 1}), DefaultConfig())
	same(t, "by capacity", decide(t, p, looking(0, list...)).Weights, 0.5, 0.25, 0.25)
	f := looking(0, list...)
	f.Time = f.End.Add(16 * time.Second)
	if d = decide(t, p, f); len(d.Board) != 0 {
		t.Errorf("a board of 16 s ago: %v", d.Board)
	}
	for i := range list {
		list[i].inFlight = nan
	}
	if d = decide(t, p, looking(1, list...)); len(d.Board) != 0 {
		t.Errorf("nobody tells: %v", d.Board)
	}
}
