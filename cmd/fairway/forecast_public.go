package main

import (
	"context"
)

// public fills in what is measured on public data.
func (b *forecastBench) public(_ context.Context, f *forecastFigures) error {
	if b.o.shared == "" {
		b.note("NAB, SMD and Nezha are not measured: --shared names the folder with their data.")
	}
	return nil
}
