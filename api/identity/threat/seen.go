package threat

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
)

// seed is of this process alone, so that nobody can choose names that look alike.
var seed = maphash.MakeSeed()

// key does the same for what outlives the process, which a maphash does not. It takes
// longer, and is asked for what is new in a window alone.
type key [16]byte

func (k *key) of(name string) uint64 {
	var short [256]byte
	sum := sha256.Sum256(append(append(short[:0], k[:]...), name...))
	return binary.LittleEndian.Uint64(sum[:])
}

// Sizes in words of 64 bits.
const (
	askedWords  = 64  // services of one window: counted well up to some 10,000
	everWords   = 128 // services ever asked: one in 2,000 is missed among 100, one in 8 among 1,500
	deniedWords = 32
)

// bit is where a hash lies in a set of words, whose number is a power of two.
func bit(words []atomic.Uint64, h uint64) (word *atomic.Uint64, mask uint64) {
	h &= uint64(len(words))*64 - 1
	return &words[h/64], 1 << (h % 64)
}

// put adds a hash, and tells whether it was new. Two that add it at the same
// time are told so both.
func put(words []atomic.Uint64, h uint64) bool {
	word, mask := bit(words, h)
	if word.Load()&mask != 0 {
		return false
	}
	word.Or(mask)
	return true
}

// put2 is put into a set that knows each by two bits (Bloom 1970): what is new
// may be taken for known, never the other way round.
func put2(words []atomic.Uint64, h uint64) bool {
	one := put(words, h)
	return put(words, h>>32) || one
}

func wipe(words []atomic.Uint64) {
	for i := range words {
		if words[i].Load() != 0 {
			words[i].Store(0)
		}
	}
}

// distinct is about how many were put: linear counting (Whang, Vander-Zanden,
// Taylor 1990).
func distinct(words []atomic.Uint64) float64 {
	size, set := float64(64*len(words)), 0
	for i := range words {
		set += bits.OnesCount64(words[i].Load())
	}
	free := max(size-float64(set), 1)
	return math.Round(size * math.Log(size/free))
}

// recent are counts of the latest windows, and their sum.
type recent struct {
	counts [span]uint32
	sum    uint32
}

// span is how many windows there are in ten minutes.
const span = 120

func (r *recent) push(window int, n int64) {
	at := &r.counts[window%span]
	r.sum -= *at
	*at = uint32(min(max(n, 0), 1<<20))
	r.sum += *at
}

// put counts what was so many windows before window.
func (r *recent) put(window, age int, n uint32) {
	at := &r.counts[((window-age)%span+span)%span]
	r.sum += n - *at
	*at = n
}

// age makes what is counted as many windows older; newest is that of the last count.
func (r *recent) age(newest, by int) {
	old := *r
	*r = recent{}
	for age := 0; age+by < span; age++ {
		r.put(newest, age+by, old.counts[((newest-age)%span+span)%span])
	}
}

// last is the sum of the last so many windows, of which window is the newest.
func (r *recent) last(window, many int) (sum float64) {
	for i := range many {
		sum += float64(r.counts[(window-i+span*many)%span])
	}
	return sum
}
