package trial

import "math"

// effects are how far beyond the margin a difference may lie, in the mixture.
var effects = [...]float64{0.05, 0.1, 0.2, 0.4}

const (
	// firstMass is the part of the mixture that has the harm begin with a stage.
	// What the two stages leave is for harm that begins at any window later, a
	// laterPart of it at each.
	firstMass = 0.4
	laterPart = 1.0 / 60
	// priorWindows is how many windows the prior of the spread counts for.
	priorWindows = 2
	// spread is by how much a difference varies from window to window beside
	// what the number of requests tells: a floor, and a part of how far apart the
	// lines are.
	spreadFloor, spreadApart = 0.015, 0.03
	// turned is what a window counts for from which both lines have turned away:
	// excusesMost of them, and then one in 1/excusedPart. A line that turns away from
	// one endpoint after the other, because it overloads each, has no more than that.
	turned, excusesMost, excusedPart = 0.1, 3.0, 0.05
	// settling is how many windows after a change of the share may jump without
	// being taken for restless.
	settling = 2
	// jumpMost bounds the square of a jump, in variances: what happens once should
	// not hide what comes after it.
	jumpMost = 3
)

// evidence is the e-process of one comparison, a service's or that of all.
type evidence struct {
	sums  [len(effects)]float64 // by effect: of the beginnings so far
	mass  float64               // of beginnings to come
	begun float64               // mass that begins with the next window

	windows  int
	settling int     // windows to come that may jump
	last     float64 // difference
	jumps    float64 // squares of the jumps of the difference, halved, less what the number of requests explains
	mean     float64 // difference
	weight   float64 // windows, of each the part that was new
	variance float64 // of the sum of differences
	cost     pair    // sums over requests
	requests float64
}

func newEvidence() *evidence { return &evidence{mass: 1} }

// begin says that harm may begin now.
func (e *evidence) begin() {
	part := min(firstMass, e.mass)
	e.begun += part
	e.mass -= part
	e.settling = settling
}

// value is the e-value: at least 1/α with probability α at most where nothing is worse.
func (e *evidence) value() float64 {
	v := e.mass + e.begun
	for _, s := range e.sums {
		v += s / float64(len(e.sums))
	}
	return v
}

// sigma2 is the variance of a difference, as known before it is seen.
func (e *evidence) sigma2(c comparison) float64 {
	prior := spreadFloor + spreadApart*c.apart
	return c.variance + (priorWindows*prior*prior+max(e.jumps, 0))/(priorWindows+e.weight)
}

// add takes a window into account: fresh is the part of it that no window before
// had, above the margin, at most the logarithm of what it may multiply by, and
// counts the part that it counts for.
func (e *evidence) add(c comparison, fresh, margin, most, counts float64) {
	sigma2 := e.sigma2(c)
	beyond := c.difference - margin
	for i, effect := range effects {
		gain := fresh * (effect*beyond - effect*effect/2) / sigma2
		gain = min(gain, most)
		if gain > 0 {
			gain *= counts
		}
		e.sums[i] = (e.sums[i] + e.begun) * math.Exp(gain)
	}
	e.begun = e.mass * laterPart
	e.mass -= e.begun
	e.remember(c, fresh, sigma2)
}

func (e *evidence) remember(c comparison, fresh, sigma2 float64) {
	if jump := c.difference - e.last; e.settling == 0 {
		// Of two windows only what is fresh in the one and gone in the other differs.
		e.jumps += min(jump*jump, jumpMost*sigma2)/2 - fresh*c.variance
	}
	e.settling = max(e.settling-1, 0)
	e.last = c.difference
	e.windows++
	e.weight += fresh
	if e.weight > 0 {
		e.mean += (c.difference - e.mean) * fresh / e.weight
	}
	e.variance += fresh * sigma2
	n := fresh * c.requests
	e.requests += n
	e.cost.former += n * c.cost.former
	e.cost.tried += n * c.cost.tried
}

// interval bounds the mean difference at all times at once (the normal mixture of
// Howard et al., tuned to the variance after ten windows).
func (e *evidence) interval(alpha float64) (low, high float64) {
	if e.weight == 0 {
		return -1, 1
	}
	rho := 10 * e.variance / e.weight
	v := e.variance + rho
	half := math.Sqrt(v*math.Log(v/(rho*alpha*alpha))) / e.weight
	return max(e.mean-half, -1), min(e.mean+half, 1)
}

// relative is a difference as a part of the former line's cost.
func relative(d float64) float64 {
	if d >= 1 {
		return math.Inf(1)
	}
	return 2 * d / (1 - d)
}
