package main

import "github.com/fairway-mesh/fairway/replay/report"

// page is the report.
func (c *comparison) page(results []*fleetResult) *report.Fleets { return &report.Fleets{} }
