package router

// Which is where the route of an answer of this Place stands in Answers, while no trial
// is on.
func (r *Routes) Which(place int) int { return int(r.which[place]) }

// Parts are for whoever moves a request that was answered with this Place to another
// endpoint, while no trial is on. part tells endpoints apart whose shares the rule binds:
// it is the position of the target of a fixed split, −1 for those of none, and 0 for all
// where the rule has no such split. subset is what an answer with the endpoint names.
// The lists are over Endpoints; subset is shared: do not write to it.
func (r *Routes) Parts(place int) (part []int, subset []string) {
	i := r.Which(place)
	groups := r.bound(i)
	part = make([]int, len(r.Endpoints))
	if len(groups) == 1 { // all are in one
		return part, r.choices[i].subsets
	}
	for k, group := range groups {
		for _, e := range group {
			part[e] = k - 1
		}
	}
	return part, r.choices[i].subsets
}
