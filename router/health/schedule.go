package health

import "container/heap"

// schedule has the probes that wait for their next round, the earliest first.
type schedule []*probe

func (s *schedule) add(p *probe) { heap.Push((*byTime)(s), p) }

// remove takes p out; it need not be there.
func (s *schedule) remove(p *probe) {
	if p.place >= 0 && p.place < len(*s) && (*s)[p.place] == p {
		heap.Remove((*byTime)(s), p.place)
	}
	p.place = -1
}

// byTime is the schedule as container/heap wants it.
type byTime schedule

func (s byTime) Len() int           { return len(s) }
func (s byTime) Less(i, j int) bool { return s[i].next.Before(s[j].next) }
func (s byTime) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}
func (s *byTime) Push(x any) {
	p := x.(*probe)
	p.place = len(*s)
	*s = append(*s, p)
}
func (s *byTime) Pop() any {
	old := *s
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	return p
}
