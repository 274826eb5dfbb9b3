package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A record is the place of an entry in its stream, then the entry: numbers as
// varints, reals in eight bytes, texts and lists after their length.

// most is the most that appendEntry adds for e, in bytes.
func most(e *Entry) int {
	const numbers = 1 + 9*binary.MaxVarintLen64 // the kind; what is in every entry, and the rest of an outcome
	if e.Kind == Decision {
		n := numbers + texts(e.Service, e.Line, e.Model, e.Rules, e.Source, e.Policy, e.Reason)
		return n + texts(e.Endpoints...) + texts(e.Notes...) + 8*len(e.Weights) + len(e.Ejected)
	}
	return numbers + texts(e.Service, e.Line, e.Model, e.Rules, e.Class, e.Method, e.Path, e.Route, e.Endpoint, e.By)
}

func texts(all ...string) int {
	n := binary.MaxVarintLen64 * len(all)
	for _, text := range all {
		n += len(text)
	}
	return n
}

func appendEntry(b []byte, seq uint64, e *Entry) []byte {
	b = append(binary.AppendUvarint(b, seq), byte(e.Kind))
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	b = appendText(b, e.Service)
	b = appendText(appendText(appendText(b, e.Line), e.Model), e.Rules)
	b = binary.AppendUvarint(b, e.Table)
	if e.Kind == Decision {
		return appendDecision(b, e)
	}
	for _, text := range [...]string{e.Class, e.Method, e.Path, e.Route, e.Endpoint} {
		b = appendText(b, text)
	}
	b = appendReal(b, e.Propensity)
	if e.Kind == Outcome {
		b = binary.AppendVarint(b, int64(e.Latency))
		b = binary.AppendVarint(b, int64(e.Deadline))
		b = binary.AppendVarint(b, int64(e.Status))
		b = binary.AppendVarint(b, int64(e.InFlight))
		b = appendText(b, e.By)
	}
	return b
}

func appendDecision(b []byte, e *Entry) []byte {
	b = appendText(appendText(appendText(b, e.Source), e.Policy), e.Reason)
	b = binary.AppendVarint(b, int64(e.Age))
	b = appendTexts(b, e.Endpoints)
	b = binary.AppendUvarint(b, uint64(len(e.Weights)))
	for _, w := range e.Weights {
		b = appendReal(b, w)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Ejected)))
	for _, ejected := range e.Ejected {
		bit := byte(0)
		if ejected {
			bit = 1
		}
		b = append(b, bit)
	}
	return appendTexts(b, e.Notes)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendTexts(b []byte, texts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, text := range texts {
		b = appendText(b, text)
	}
	return b
}

func appendReal(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

// parseRecord reads what appendEntry wrote. It takes no memory for what a
// record only claims to hold.
func parseRecord(b []byte) (Record, error) {
	p := parser{rest: b}
	var r Record
	r.Seq = p.uvarint()
	r.Kind = Kind(p.byte())
	r.Time = time.UnixMicro(p.varint()).UTC()
	r.Service = p.text()
	r.Line, r.Model, r.Rules = p.text(), p.text(), p.text()
	r.Table = p.uvarint()
	switch r.Kind {
	case Decision:
		p.decision(&r.Entry)
	case Pick, Outcome:
		r.Class, r.Method, r.Path, r.Route, r.Endpoint = p.text(), p.text(), p.text(), p.text(), p.text()
		r.Propensity = p.real()
		if r.Kind == Outcome {
			r.Latency, r.Deadline = time.Duration(p.varint()), time.Duration(p.varint())
			r.Status, r.InFlight = int(p.varint()), int(p.varint())
			r.By = p.text()
		}
	default:
		return r, fmt.Errorf("an entry of kind %d; a newer program wrote it", r.Kind)
	}
	if p.short {
		return r, errors.New("an entry ends too early")
	}
	return r, nil
}

// parser takes values off the front. Once one is missing, all that follow are
// zero.
type parser struct {
	rest  []byte
	short bool
}

func (p *parser) decision(e *Entry) {
	e.Source, e.Policy, e.Reason = p.text(), p.text(), p.text()
	e.Age = time.Duration(p.varint())
	e.Endpoints = p.texts()
	e.Weights = make([]float64, p.count(8))
	for i := range e.Weights {
		e.Weights[i] = p.real()
	}
	e.Ejected = make([]bool, p.count(1))
	for i := range e.Ejected {
		e.Ejected[i] = p.byte() != 0
	}
	e.Notes = p.texts()
}

// take is the next n bytes.
func (p *parser) take(n int) []byte {
	if p.short = p.short || n > len(p.rest); p.short {
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uvarint() uint64 {
	x, n := binary.Uvarint(p.rest)
	if p.take(max(n, 0)); n <= 0 || p.short {
		p.short = true
		return 0
	}
	return x
}

func (p *parser) varint() int64 {
	x, n := binary.Varint(p.rest)
	if p.take(max(n, 0)); n <= 0 || p.short {
		p.short = true
		return 0
	}
	return x
}

func (p *parser) real() float64 {
	if b := p.take(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// count is the length of a list whose elements take at least size bytes each.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64(len(p.rest)/size) {
		p.short = true
		return 0
	}
	return int(n)
}

func (p *parser) text() string { return string(p.take(p.count(1))) }

func (p *parser) texts() []string {
	texts := make([]string, p.count(1))
	for i := range texts {
		texts[i] = p.text()
	}
	return texts
}
