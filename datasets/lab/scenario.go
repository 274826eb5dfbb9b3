package lab

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// The mesh of the comparison (docs/lab-compare.md): a service in the middle of a change
// of hardware. Six endpoints are new, four are old and take twice as long.
const (
	fleetNew, fleetOld = 6, 4
	fleetTime          = 80 * time.Millisecond
	fleetWorkers       = 4
	fleetDeadline      = 500 * time.Millisecond
)

// FleetService is the service of the comparison, under a load that takes so much of its
// capacity, 0 to 1.
func FleetService(load float64) Service {
	s := Service{
		Name:    "shop",
		Classes: []Class{{Name: "page", Method: "GET", Path: "/page", Share: 1, Cost: 1, Deadline: fleetDeadline}},
	}
	capacity := 0.0
	for i := range fleetNew + fleetOld {
		e := Endpoint{
			Endpoint:    mesh.Endpoint{Name: fmt.Sprintf("shop-%d", i+1), Subset: "new", Zone: fmt.Sprintf("z%d", i%3+1)},
			ServiceTime: fleetTime, Workers: fleetWorkers, Queue: 40,
		}
		if i >= fleetNew {
			e.Subset, e.ServiceTime = "old", 2*fleetTime
		}
		capacity += float64(e.Workers) / e.ServiceTime.Seconds()
		s.Endpoints = append(s.Endpoints, e)
	}
	s.Rate = load * capacity
	return s
}
