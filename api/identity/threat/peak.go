package threat

// peak is the highest value until half an hour ago: what rises slowly would else
// be its own excuse. It falls to a third in half a day.
type peak struct {
	is    float64
	parts [parts]float64 // the highest of each three minutes since
}

const (
	parts, part = 10, 36 // windows
	peakMemory  = 8640   // windows
)

// push makes a value part of the newest three minutes.
func (p *peak) push(window int, x float64) {
	p.is -= p.is / peakMemory
	at := &p.parts[window/part%parts]
	if window%part == 0 { // what it held is half an hour old
		p.is = max(p.is, *at)
		*at = 0
	}
	*at = max(*at, x)
}

// forget drops the last half hour: it led to an anomaly.
func (p *peak) forget() { p.parts = [parts]float64{} }
