package threat

import "slices"

// peers is what is usual of all that called in this window.
type peers struct {
	many   int
	rise   float64 // of rate over baseline, at least 1
	edges  float64 // median of new services in ten minutes
	hour   float64 // in an hour
	denied float64
	asked  float64   // median of services asked
	known  []float64 // services that each knows of those that excuse, sorted
}

// counts are what a subject did in a window.
type counts struct {
	admitted, attempted float64 // messages/s
	asked               float64
	exceeded            Limit
}

// compare finds what is usual of peers. Those that are raised count in medians, which
// fewer than half of all do not move: a change that comes to all raises at most those
// that it comes to first, since without them it would be news for the next.
func compare(all []*Subject, did []counts) peers {
	var rises, edges, hour, denied, asked []float64
	out := peers{rise: 1}
	for i, s := range all {
		if did[i].attempted == 0 {
			continue
		}
		out.many++
		if s.windows >= warm && s.base.Mean > 0 {
			rises = append(rises, did[i].attempted/s.base.Mean)
		}
		edges, hour, denied = append(edges, float64(s.services.sum)), append(hour, float64(s.hour.sum)), append(denied, float64(s.things.sum))
		asked = append(asked, did[i].asked)
		if s.excuses() {
			out.known = append(out.known, float64(s.known))
		}
	}
	slices.Sort(out.known)
	if len(rises) >= fewPeers {
		out.rise = risen(rises)
	}
	if out.many >= fewPeers {
		out.edges, out.hour, out.denied = quantile(edges, 0.5), quantile(hour, 0.5), quantile(denied, 0.5)
		out.asked = quantile(asked, 0.5)
	}
	return out
}

// excuses tells whether what a subject knows may excuse another: it did nothing to be
// raised for, or an operator says that it is low. Who is raised by an operator alone
// still counts, as he may raise all.
func (s *Subject) excuses() bool {
	return s.level == Low || s.override != nil && s.override.Level == Low
}

// knownBut is how many services nine of ten of a subject's peers know at most, and of
// ten or fewer all but one: a gateway is no excuse for who scans. Neither is the subject
// itself, nor who is raised. Where that leaves one or two, both count, and where it
// leaves nobody it is 0, as among fewer than four callers.
func (p *peers) knownBut(s *Subject, did counts) float64 {
	within := did.attempted > 0 && s.excuses()
	others := len(p.known)
	if within {
		others--
	}
	if p.many < fewPeers || others == 0 {
		return 0
	}
	at := others - 1
	if others >= fewPeers-1 {
		at = min(9*others/10, others-2)
	}
	if within && float64(s.known) <= p.known[at] { // what follows the subject is one place further
		at++
	}
	return p.known[at]
}

// surge is from how many times its baseline on a rise of half of the peers is one
// of the mesh.
const surge = 1.5

// risen is by what all have risen: the median, and in a surge, which does not
// come to all at the same time or in the same measure, what one of four exceeds.
func risen(rises []float64) float64 {
	if half := quantile(rises, 0.5); half < surge {
		return max(1, half)
	}
	return quantile(rises, 0.75)
}

// quantile sorts x. Of two in the middle it takes the lower: half of the peers
// are not most.
func quantile(x []float64, q float64) float64 {
	slices.Sort(x)
	return x[int(q*float64(len(x)-1))]
}
