package threat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// packer writes the parts of a saved judge, small numbers in few bytes.
type packer []byte

func (p *packer) number(n uint64) { *p = binary.AppendUvarint(*p, n) }

func (p *packer) count(n int) { p.number(uint64(max(n, 0))) }

func (p *packer) text(s string) {
	p.count(len(s))
	*p = append(*p, s...)
}

// time is in milliseconds since 1970; none, and what was before, is 0.
func (p *packer) time(t time.Time) { p.number(uint64(min(max(t.UnixMilli(), 0), latest))) }

// floats writes at most 64 numbers, in the precision of a float32: which of them are
// not zero, and those.
func (p *packer) floats(x ...float64) {
	mask, at := uint64(0), len(*p)
	for i, v := range x {
		if f := float32(v); f != 0 && !math.IsNaN(v) && !math.IsInf(float64(f), 0) {
			mask |= 1 << i
			*p = binary.LittleEndian.AppendUint32(*p, math.Float32bits(f))
		}
	}
	var head [binary.MaxVarintLen64]byte
	*p = slices.Insert(*p, at, head[:binary.PutUvarint(head[:], mask)]...)
}

// recent writes what is counted, newest first: how many windows of nothing there are
// before each number.
func (p *packer) recent(r *recent, newest int) {
	n := 0
	for _, c := range r.counts {
		if c != 0 {
			n++
		}
	}
	p.count(n)
	for age, last := 0, 0; age < span; age++ {
		if c := r.counts[((newest-age)%span+span)%span]; c != 0 {
			p.count(age - last)
			p.number(uint64(c))
			last = age
		}
	}
}

// set writes a set of words: how many bits are in it, and how far each is from the one
// before or, where they are many, the words.
func (p *packer) set(words []atomic.Uint64) {
	copied, n := make([]uint64, len(words)), 0 // others may put something meanwhile
	for i := range words {
		copied[i] = words[i].Load()
		n += bits.OnesCount64(copied[i])
	}
	p.count(n)
	last := 0
	for i, w := range copied {
		if dense(n, len(words)) {
			*p = binary.LittleEndian.AppendUint64(*p, w)
			continue
		}
		for ; w != 0; w &= w - 1 {
			at := 64*i + bits.TrailingZeros64(w)
			p.count(at - last)
			last = at
		}
	}
}

func dense(n, words int) bool { return n > 4*words }

// unpacker reads what a packer wrote, of which nothing is believed. Once something is
// bad all that follows is zero.
type unpacker struct {
	rest []byte
	bad  bool
}

func (u *unpacker) number() uint64 {
	n, size := binary.Uvarint(u.rest)
	if size <= 0 {
		u.rest, u.bad = nil, true
		return 0
	}
	u.rest = u.rest[size:]
	return n
}

// count is a number of at most most.
func (u *unpacker) count(most int) int {
	n := u.number()
	if n > uint64(most) {
		u.rest, u.bad = nil, true
		return 0
	}
	return int(n)
}

func (u *unpacker) bytes(n int) []byte {
	if n > len(u.rest) {
		u.rest, u.bad = nil, true
		return nil
	}
	out := u.rest[:n]
	u.rest = u.rest[n:]
	return out
}

func (u *unpacker) text(longest int) string { return string(u.bytes(u.count(longest))) }

// latest is the last millisecond of the year 9999, beyond which JSON has no time.
const latest = 253402300799999

func (u *unpacker) time() time.Time {
	ms := u.number()
	if ms == 0 || ms > latest {
		u.bad = u.bad || ms > latest
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

func (u *unpacker) floats(into ...*float64) {
	mask := u.number()
	if len(into) < 64 && mask>>len(into) != 0 {
		u.rest, u.bad = nil, true
		return
	}
	for i, x := range into {
		if *x = 0; mask&(1<<i) == 0 {
			continue
		}
		if four := u.bytes(4); four != nil {
			*x = float64(math.Float32frombits(binary.LittleEndian.Uint32(four)))
		}
		u.bad = u.bad || math.IsNaN(*x) || math.IsInf(*x, 0)
	}
}

// recent puts what is counted where it belongs.
func (u *unpacker) recent(r *recent, newest int) {
	for n, age := u.count(span), 0; n > 0; n-- {
		age += u.count(span - 1)
		c := u.count(1 << 20)
		if age >= span {
			u.bad = true
			return
		}
		r.put(newest, age, uint32(c))
	}
}

func (u *unpacker) set(words []atomic.Uint64) {
	n := u.count(64 * len(words))
	if dense(n, len(words)) {
		for i := range words {
			if eight := u.bytes(8); eight != nil {
				words[i].Store(binary.LittleEndian.Uint64(eight))
			}
		}
		return
	}
	for at := 0; n > 0 && !u.bad; n-- {
		if at += u.count(64*len(words) - 1); at >= 64*len(words) {
			u.bad = true
			return
		}
		words[at/64].Or(1 << (at % 64))
	}
}

// A saved text begins with what it is, of which version, and a checksum of the rest.
const (
	levelsFormat    = "fairway-threat-levels 1\n"
	baselinesFormat = "fairway-threat-baselines 1\n"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// begin leaves room for what seal puts there.
func begin(format string) packer { return append(packer(format), 0, 0, 0, 0) }

func (p packer) seal(format string) []byte {
	binary.LittleEndian.PutUint32(p[len(format):], crc32.Checksum(p[len(format)+4:], castagnoli))
	return p
}

// errSense is of a text whose checksum is right and that no judge has written.
var errSense = errors.New("what it says makes no sense")

// unseal is what follows the checksum.
func unseal(text []byte, format string) (*unpacker, error) {
	rest, ours := bytes.CutPrefix(text, []byte(format))
	switch {
	case !ours:
		return nil, fmt.Errorf("it does not begin with %q: it is of another version, or something else", format)
	case len(rest) < 4 || binary.LittleEndian.Uint32(rest) != crc32.Checksum(rest[4:], castagnoli):
		return nil, errors.New("it is cut off or damaged: its checksum is wrong")
	}
	return &unpacker{rest: rest[4:]}, nil
}
