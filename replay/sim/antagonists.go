package sim

import (
	"math"
	"time"
)

// The kinds of antagonists.
const (
	// Fluctuating endpoints: the speed of each is multiplied by 1 or by Factor,
	// drawn anew and independently every Interval (C3, NSDI'15).
	Fluctuating = "fluctuating"
	// Tenants share the machine of each endpoint and take cores from it.
	Tenants = "tenants"
)

// Antagonist is what changes the speed of endpoints all the time, without
// being a fault.
type Antagonist struct {
	Kind string `yaml:"kind"`
	// Interval is that between changes: constant for fluctuating, the mean of an
	// exponential one for tenants.
	Interval time.Duration `yaml:"interval"`
	Factor   float64       `yaml:"factor"` // of fluctuating
	// Hot is the part of the machines whose tenants want more than there is,
	// and for the whole run; the others change.
	Hot float64 `yaml:"hot"`
	// Floor is the least part of its workers that an endpoint keeps.
	Floor float64 `yaml:"floor"`
	// Drag is how many times slower the cores are that hot machines leave, as
	// caches and memory are shared too.
	Drag float64 `yaml:"drag"`
	// Free is the mean of what the tenants of the others leave of the burst, as
	// a part of it; Shape that of the Pareto distribution of what they take.
	Free  float64 `yaml:"free"`
	Shape float64 `yaml:"shape"`
}

func (a *Antagonist) defaults() {
	if a.Kind == Tenants {
		if a.Floor == 0 {
			a.Floor = 1
		}
		if a.Drag == 0 {
			a.Drag = 1
		}
		if a.Shape == 0 {
			a.Shape = 1.5
		}
	}
}

func (a *Antagonist) check(p *problems, path string) {
	p.check(a.Interval >= minTime && a.Interval <= maxTime, path+".interval", "is %v; want %v to %v", a.Interval, minTime, maxTime)
	switch a.Kind {
	case Fluctuating:
		p.check(a.Factor > 0 && !math.IsInf(a.Factor, 0), path+".factor", "is %v; want more than 0", a.Factor)
	case Tenants:
		p.check(a.Hot >= 0 && a.Hot <= 1, path+".hot", "is %v; want 0 to 1", a.Hot)
		p.check(a.Floor > 0 && a.Floor <= 1, path+".floor", "is %v; want more than 0 and at most 1", a.Floor)
		p.check(a.Drag >= 1 && !math.IsInf(a.Drag, 0), path+".drag", "is %v; want 1 or more", a.Drag)
		p.check(a.Free >= 0 && a.Free <= 1, path+".free", "is %v; want 0 to 1", a.Free)
		p.check(a.Shape > 1 && !math.IsInf(a.Shape, 0), path+".shape", "is %v; want more than 1", a.Shape)
	default:
		p.add(path+".kind", "is %q; use fluctuating or tenants", a.Kind)
	}
}
