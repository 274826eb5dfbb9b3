package api

import "sync/atomic"

// dice gives 64 random bits to any number of goroutines without a lock: it is
// splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014), whose state is a counter.
type dice struct{ state atomic.Uint64 }

const golden = 0x9e3779b97f4a7c15 // 2⁶⁴ / golden ratio, odd

func (d *dice) roll() uint64 {
	z := d.state.Add(golden)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
