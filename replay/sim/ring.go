package sim

// ring is a queue that grows by doubling and never shrinks.
type ring[T any] struct {
	cells   []T // a power of two of them
	head, n int
}

func (r *ring[T]) push(x T) {
	if r.n == len(r.cells) {
		r.grow()
	}
	r.cells[(r.head+r.n)&(len(r.cells)-1)] = x
	r.n++
}

func (r *ring[T]) grow() {
	larger := make([]T, max(16, 2*len(r.cells)))
	for i := range r.n {
		larger[i] = *r.at(i)
	}
	r.cells, r.head = larger, 0
}

// at points to the i-th from the head; valid until the next push.
func (r *ring[T]) at(i int) *T { return &r.cells[(r.head+i)&(len(r.cells)-1)] }

// pop takes the head off; the ring must not be empty.
func (r *ring[T]) pop() T {
	x := r.cells[r.head]
	r.head = (r.head + 1) & (len(r.cells) - 1)
	r.n--
	return x
}
