package sim

import "math"

// never is later than every instant of a run; instants are nanoseconds.
const never = math.MaxInt64

// completions holds the one pending event of every endpoint, its next
// completion, in a heap of endpoints.
type completions struct {
	at    []int64 // per endpoint
	heap  []int32 // endpoints
	place []int32 // of an endpoint in the heap
}

func newCompletions(n int) completions {
	c := completions{make([]int64, n), make([]int32, n), make([]int32, n)}
	for i := range n {
		c.at[i], c.heap[i], c.place[i] = never, int32(i), int32(i)
	}
	return c
}

func (c *completions) next() int64 { return c.at[c.heap[0]] }

// set moves the event of endpoint i.
func (c *completions) set(i int32, at int64) {
	before := c.at[i]
	if at == before {
		return
	}
	c.at[i] = at
	k := int(c.place[i])
	if at < before {
		for k > 0 {
			above := (k - 1) / 2
			j := c.heap[above]
			if c.at[j] <= at {
				break
			}
			c.heap[k], c.place[j] = j, int32(k)
			k = above
		}
	} else {
		for {
			below := 2*k + 1
			if below >= len(c.heap) {
				break
			}
			if below+1 < len(c.heap) && c.at[c.heap[below+1]] < c.at[c.heap[below]] {
				below++
			}
			j := c.heap[below]
			if c.at[j] >= at {
				break
			}
			c.heap[k], c.place[j] = j, int32(k)
			k = below
		}
	}
	c.heap[k], c.place[i] = i, int32(k)
}

// task is something that is due at a time: what, and of whom.
type task struct {
	at    int64
	order uint64 // of equal times, first come first served
	do    func(x int32)
	x     int32
}

// agenda is a heap of tasks. There are few of them beside the requests.
type agenda struct {
	tasks []task
	count uint64
}

func (a *agenda) next() int64 {
	if len(a.tasks) == 0 {
		return never
	}
	return a.tasks[0].at
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.tasks[i], &a.tasks[j]
	return x.at < y.at || x.at == y.at && x.order < y.order
}

func (a *agenda) add(at int64, do func(int32), x int32) {
	if at == never {
		return
	}
	a.tasks = append(a.tasks, task{at, a.count, do, x})
	a.count++
	for k := len(a.tasks) - 1; k > 0; {
		above := (k - 1) / 2
		if !a.before(k, above) {
			break
		}
		a.tasks[k], a.tasks[above] = a.tasks[above], a.tasks[k]
		k = above
	}
}

func (a *agenda) pop() task {
	first, last := a.tasks[0], len(a.tasks)-1
	a.tasks[0] = a.tasks[last]
	a.tasks[last] = task{}
	a.tasks = a.tasks[:last]
	for k := 0; ; {
		below := 2*k + 1
		if below >= last {
			return first
		}
		if below+1 < last && a.before(below+1, below) {
			below++
		}
		if !a.before(below, k) {
			return first
		}
		a.tasks[k], a.tasks[below] = a.tasks[below], a.tasks[k]
		k = below
	}
}
