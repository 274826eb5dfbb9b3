package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// join lists the endpoints, those of the decision, those that only the rules know and
// those that were discovered, by name, with their weights. An endpoint that the metrics
// do not show yet gets the mean of the others (gRFC A58); one that takes no requests by
// what discovery says gets nothing unless it carries on, and one that is gone is not there.
func (r *Routes) join(d *Decision) []spot {
	j := joining{Routes: r, list: make([]spot, 0, len(d.Endpoints))}
	if ruled := r.matcher.Service.Endpoints; len(ruled) > 0 || r.members != nil {
		j.at, j.ruled = make(map[string]int, len(d.Endpoints)), make(map[string]*rules.Endpoint, len(ruled))
		for i := range ruled {
			j.ruled[ruled[i].Name] = &ruled[i]
		}
	}
	for i, e := range d.Endpoints {
		e.Name = cmp.Or(r.members.Called(e), e.Name)
		j.add(e, d.Weights[i], d.Ejected[i], i < len(d.Carries) && d.Carries[i])
	}
	mean := j.mean()
	for i := range r.matcher.Service.Endpoints {
		e := &r.matcher.Service.Endpoints[i]
		if _, there := j.at[e.Name]; !there && r.members.Presence(e.Name) == Unlisted {
			j.add(e.Endpoint, mean, false, false)
			r.Notes = append(r.Notes, fmt.Sprintf("endpoint %q is in the rules but not in the metrics: it gets its peers' mean weight", e.Name))
		}
	}
	j.discovered(d, mean)
	j.settle()
	slices.SortStableFunc(j.list, func(a, b spot) int { return strings.Compare(a.Name, b.Name) })
	return j.list
}

type joining struct {
	*Routes
	list  []spot
	at    map[string]int // by name: places in list, −1: it is gone; nil where the metrics are alone
	ruled map[string]*rules.Endpoint
}

// add puts an endpoint on the list, once, with all that is known of it.
func (j *joining) add(e mesh.Endpoint, weight float64, ejected, carries bool) {
	if at, twice := j.at[e.Name]; twice {
		if at >= 0 {
			j.list[at].weight = max(j.list[at].weight, weight)
			j.list[at].ejected = j.list[at].ejected && ejected
		}
		return
	}
	p := spot{Endpoint: e, weight: weight, ejected: ejected}
	if m := j.members.of(e.Name); m != nil {
		p.presence, p.labels = m.Presence, m.Labels
		j.members.complete(&p.Endpoint)
	}
	if p.presence == Gone {
		j.at[e.Name] = -1
		return
	}
	if ruled := j.ruled[e.Name]; ruled != nil {
		p.says(ruled, p.presence != Unlisted)
	}
	if !carries && !j.members.Serves(e.Name) {
		p.weight, p.ejected, p.out = 0, true, true
	}
	if j.at != nil {
		j.at[e.Name] = len(j.list)
	}
	j.list = append(j.list, p)
}

// says takes over what the rules say of an endpoint: before discovery, and after the
// metrics.
func (p *spot) says(ruled *rules.Endpoint, first bool) {
	p.said = ruled.Subset != "" && (first || p.Subset == "")
	for _, field := range [][2]*string{{&p.Address, &ruled.Address}, {&p.Subset, &ruled.Subset}, {&p.Zone, &ruled.Zone}} {
		if *field[1] != "" && (first || *field[0] == "") {
			*field[0] = *field[1]
		}
	}
}

// mean is the weight of an endpoint that has none of its own.
func (j *joining) mean() float64 {
	sum, n := 0.0, 0
	for i := range j.list {
		if !j.list[i].out {
			sum, n = sum+j.list[i].weight, n+1
		}
	}
	if !(sum > 0) {
		return 1
	}
	return sum / float64(n)
}

// discovered adds those that nobody else has named.
func (j *joining) discovered(d *Decision, mean float64) {
	if j.members == nil {
		return
	}
	for i := range j.members.list {
		e := &j.members.list[i]
		if _, there := j.at[e.Name]; !there && j.members.there(i) {
			j.add(e.Endpoint, mean*d.begins(e.Name), false, false)
		}
	}
}

// settle gives those that serve equal weights where none has any.
func (j *joining) settle() {
	for i := range j.list {
		if j.list[i].weight > 0 {
			return
		}
	}
	for i := range j.list {
		if !j.list[i].out {
			j.list[i].weight = 1
		}
	}
}
