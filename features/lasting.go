package features

import "math"

// lasting is which part of a window's deviation from the past is still there in
// the first window that shares no time with it: what is noise does not last, what
// is a change does. It is learned, of all endpoints of a service together, by
// regression through the origin, and is the gain of a Kalman filter that nobody
// has to set: near 0 in a quiet service, near 1 where capacities flip. Where
// windows overlap it can exceed 1, for a change begins within one.
//
// Large deviations are told apart, by their side: one of three standard
// deviations is as often a change as not, before anything is known of a service.
type lasting struct{ Below, Usual, Above regression }

// regression is one through the origin, discounted per window.
type regression struct{ Cross, Square float64 }

// deviation is what the newest window said of an endpoint, and an earlier one that
// waits to be told what lasted of it.
type deviation struct {
	Value, Scale float64 // of the newest window, and its standard deviation by chance; 0 before any
	Then         float64 // the earlier one's difference from the past, in standard deviations
	Past, Unit   float64 // which past and which standard deviation that was
	Until        float64 // unix seconds of the earlier one; 0 when none waits
}

const (
	lastingLarge = 3   // standard deviations
	lastingMost  = 1.5 // of a deviation that is taken over
	// lastingUsual and lastingChange are what is expected to last of usual and of
	// large deviations; usualSure and changeSure are for how many squared standard
	// deviations that counts.
	lastingUsual, lastingChange = 0, 0.5
	usualSure, changeSure       = 400, 30
	// lastingWindows is the memory; lastingClip bounds what one pair counts for.
	lastingWindows, lastingClip = 200, 64
)

// pass lets a window's time pass.
func (l *lasting) pass() {
	for _, r := range []*regression{&l.Below, &l.Usual, &l.Above} {
		r.Cross, r.Square = keeps(lastingWindows)*r.Cross, keeps(lastingWindows)*r.Square
	}
}

// see takes in a window that ends at now, in unix seconds, and is span seconds
// long: a value, the past that it is held against, and by how much it differs from
// that by chance.
func (l *lasting) see(d *deviation, value, past, scale, now, span float64) {
	if !(scale > 0) || isNaN(value-past) || math.IsInf(value-past, 0) {
		return
	}
	if d.Until > 0 && now-d.Until >= 0.99*span {
		of, _, _ := l.of(d.Then)
		of.add(d.Then, (value-d.Past)/d.Unit)
		d.Until = 0
	}
	d.Value, d.Scale = value, scale
	if d.Until == 0 {
		d.Then, d.Past, d.Unit, d.Until = (value-past)/scale, past, scale, now
	}
}

// expect returns what is to be expected of an endpoint whose past is known with a
// variance: that, and of what the newest window showed beyond it the part that
// lasts.
func (l *lasting) expect(d *deviation, past, variance float64) (value, uncertain float64) {
	if !(d.Scale > 0) {
		return past, variance
	}
	of, prior, sure := l.of((d.Value - past) / d.Scale)
	part := min(max((of.Cross+prior*sure)/(of.Square+sure), 0), lastingMost)
	return past + part*(d.Value-past), (1-part)*(1-part)*variance + part*part*d.Scale*d.Scale
}

// of returns what is known of deviations like this one, in standard deviations,
// and what is expected before.
func (l *lasting) of(deviation float64) (known *regression, prior, sure float64) {
	switch {
	case deviation <= -lastingLarge:
		return &l.Below, lastingChange, changeSure
	case deviation >= lastingLarge:
		return &l.Above, lastingChange, changeSure
	}
	return &l.Usual, lastingUsual, usualSure
}

func (r *regression) add(x, y float64) {
	weight := min(1, lastingClip/(x*x))
	r.Cross += weight * x * y
	r.Square += weight * x * x
}
