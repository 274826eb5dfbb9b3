package lab

import (
	"testing"
	"time"
)

// at is a time of a test, in seconds after its beginning.
func at(seconds float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// open reports whether it is the turn of a place.
func open(turn <-chan struct{}) bool {
	select {
	case <-turn:
		return true
	default:
		return false
	}
}

// enter wants a place in the pool.
func enter(t *testing.T, p *pool, now time.Time) <-chan struct{} {
	t.Helper()
	turn, ok := p.enter(now)
	if !ok {
		t.Fatal("the pool refused; want a place")
	}
	return turn
}

// holds compares the state of the pool.
func holds(t *testing.T, p *pool, now time.Time, workers, busy, waiting int, busySeconds float64) {
	t.Helper()
	w, b, q, s := p.look(now)
	if w != workers || b != busy || q != waiting || !almost(s, busySeconds) {
		t.Errorf("%d workers, %d busy for %v s, %d waiting; want %d, %d for %v s, %d", w, b, s, q, workers, busy, busySeconds, waiting)
	}
}

func TestPoolServesInOrderAndRefusesBeyondTheQueue(t *testing.T) {
	p := &pool{workers: 1, queue: 2}
	first, second, third := enter(t, p, at(0)), enter(t, p, at(1)), enter(t, p, at(1))
	if _, ok := p.enter(at(1)); ok {
		t.Error("a full queue took one more")
	}
	if !open(first) || open(second) || open(third) {
		t.Error("want the turn of the first alone")
	}
	holds(t, p, at(2), 1, 1, 2, 2)
	p.leave(at(3))
	if !open(second) || open(third) {
		t.Error("want the turn of the second, then the third")
	}
	p.leave(at(4))
	p.leave(at(5))
	if !open(third) {
		t.Error("the third was forgotten")
	}
	holds(t, p, at(9), 1, 0, 0, 5)
}

func TestPoolWithoutAQueue(t *testing.T) {
	p := &pool{workers: 2}
	enter(t, p, at(0))
	enter(t, p, at(0))
	if _, ok := p.enter(at(0)); ok {
		t.Error("a request waits where no queue is")
	}
	p.leave(at(1))
	if !open(enter(t, p, at(1))) {
		t.Error("a free worker does not serve")
	}
}

func TestPoolSpoilt(t *testing.T) {
	p := &pool{workers: 4, queue: 10}
	var turns []<-chan struct{}
	for range 6 {
		turns = append(turns, enter(t, p, at(0)))
	}
	// Half of the workers go; those that serve finish what they have begun.
	p.spoil(at(1), 0.5, 0)
	holds(t, p, at(1), 2, 4, 2, 4)
	p.leave(at(2))
	p.leave(at(2))
	if open(turns[4]) {
		t.Error("a worker that is lost serves")
	}
	// Health gives the workers back, and those that wait their turns.
	p.spoil(at(3), 0, 0)
	if !open(turns[4]) || !open(turns[5]) {
		t.Error("workers that came back do not serve")
	}
	holds(t, p, at(3), 4, 4, 0, 4+4+2)
}

func TestPoolKeepsOneWorker(t *testing.T) {
	for _, test := range []struct {
		lost, held    float64
		workers, busy int
	}{{1, 0, 1, 0}, {0, 1, 5, 4}, {1, 1, 1, 0}, {0.6, 0.6, 2, 1}, {0, 0.39, 5, 1}} {
		p := &pool{workers: 5}
		p.spoil(at(0), test.lost, test.held)
		holds(t, p, at(0), test.workers, test.busy, 0, 0)
		if !open(enter(t, p, at(0))) {
			t.Errorf("%+v: nobody serves", test)
		}
	}
}

func TestPoolCountsHeldWorkersAsBusy(t *testing.T) {
	p := &pool{workers: 4, queue: 1}
	p.spoil(at(0), 0, 0.5)
	holds(t, p, at(3), 4, 2, 0, 6)
}
