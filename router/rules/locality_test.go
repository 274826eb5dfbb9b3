package rules

import "testing"

func TestLocality(t *testing.T) {
	s := compiled(t, "testdata/locality.yaml")
	for _, test := range []struct {
		service, zone string
		want          float64
	}{
		{"near", "a", 0}, {"near", "b", 0.002}, {"near", "c", 0.005}, {"near", "d", 0}, {"near", "", 0.005},
		{"elsewhere", "eu-1", 0}, {"elsewhere", "eu-2", 0.0005},
		{"anywhere", "a", 0}, {"anywhere", "", 0}, {"nobody", "a", 0},
	} {
		if got := s.Service(test.service).Service.Locality.Cost(test.zone); got != test.want {
			t.Errorf("%s: zone %q costs %v s; want %v", test.service, test.zone, got, test.want)
		}
	}
}
