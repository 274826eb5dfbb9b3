package fitted

import (
	"bufio"
	"fmt"
	"io"
)

// WriteText writes the fits and the tables for people.
func (r *Result) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "\n%s\n", r.Label)
	fmt.Fprintf(out, "fitted    to the whole recording; what arrives is of the judged part; %s\n", r.proxies())
	if r.Reference != "" {
		fmt.Fprintf(out, "interval  %g %%, %s\n", 100*r.Level, r.Interval)
		fmt.Fprintf(out, "test      %s\n", r.Test)
		fmt.Fprintf(out, "corrected %s\n", r.Correction)
	}
	for i := range r.Services {
		s := &r.Services[i]
		if s.Comparison == nil {
			fmt.Fprintf(out, "\n%s, simulated: left out: %s\n", s.Service, s.LeftOut)
			continue
		}
		fmt.Fprintln(out)
		if err := s.Fit.Write(out); err != nil {
			return err
		}
		fmt.Fprintf(out, "\nsimulated with %s, of the judged part", s.Arrivals)
		s.Comparison.WriteText(out, r.Reference)
	}
	return out.Flush()
}

func (r *Result) proxies() string {
	if r.Proxies == 1 {
		return "one proxy sends it"
	}
	return fmt.Sprintf("%d proxies send it, each with a picker of its own", r.Proxies)
}
