package picker

// c3Score is the C3 rule of Prequal's §5.2: the score of C3 alone, on the same
// probes. The least (R − 1/μ) + q̂³/μ is best, with q̂ = 1 + os·n + q̄: os the
// requests of this proxy in flight, n the number of proxies, q̄ a moving average
// of what endpoints say they have in flight.
//
// Our reading: R is a moving average of the latencies that this proxy saw, of
// the told one where it saw none; 1/μ of the told service times, of the told
// latency where that is not told. The averages give the newest 0.9 (absim).
type c3Score struct {
	proxies, newest, exponent float64
	known                     []c3View
}

type c3View struct{ response, service, queue average }

// average is an exponentially weighted one; the first value counts in full.
type average struct {
	mean  float64
	begun bool
}

func (a *average) add(x, newest float64) {
	if a.begun {
		a.mean += newest * (x - a.mean)
	} else {
		a.mean, a.begun = x, true
	}
}

func newC3Score(c Config, s settings) Picker {
	return newProber(c, s, &c3Score{proxies: s.proxies(c), newest: s["newest"], exponent: s["exponent"]})
}

func (r *c3Score) rank(e *pooled, own int) rank {
	k := &r.known[e.endpoint]
	response := k.response.mean
	if !k.response.begun {
		response = e.latency
	}
	return rank{0, c3Cost(response, k.service.mean, k.queue.mean, own, r.proxies, r.exponent), 0}
}

// c3Cost is the score of C3: response and service in seconds.
func c3Cost(response, service, queue float64, own int, proxies, exponent float64) float64 {
	return response - service + power(1+float64(own)*proxies+queue, exponent)*service
}

func (r *c3Score) probed(i int, inFlight, latency, service float64) {
	if !(service > 0) {
		service = latency
	}
	k := &r.known[i]
	k.service.add(service, r.newest)
	k.queue.add(inFlight, r.newest)
}

func (r *c3Score) done(i int, latency float64) { r.known[i].response.add(latency, r.newest) }

func (r *c3Score) grow(n int) { r.known = resize(r.known, n, c3View{}) }
