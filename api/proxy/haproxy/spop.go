package haproxy

import "encoding/binary"

// The frames of SPOP 2.0 (HAProxy 2.6, doc/SPOE.txt, section 3): type, flags, two
// numbers that say what it is about, and a payload.
const (
	unset             = 0 // a further part of a frame that came in parts
	haproxyHello      = 1
	haproxyDisconnect = 2
	notify            = 3
	agentHello        = 101
	agentDisconnect   = 102
	ack               = 103
)

const flagFIN = 1 // the whole frame, or its last part

// Why a connection ends, of the codes of section 3.5.
const (
	normal        = 0
	timedOut      = 2
	tooBig        = 3
	invalid       = 4
	noVersion     = 5
	noFrameSize   = 6
	noCapability  = 7
	otherVersion  = 8
	badFrameSize  = 9
	fragmentation = 10
)

// The types of data.
const (
	typeNull   = 0
	typeBool   = 1
	typeInt32  = 2
	typeUint32 = 3
	typeInt64  = 4
	typeUint64 = 5
	typeIPv4   = 6
	typeIPv6   = 7
	typeString = 8
	typeBinary = 9
	flagTrue   = 0x10 // of a bool
)

// frame is one that came; payload is what follows its numbers.
type frame struct {
	kind       byte
	flags      uint32
	stream, id uint64
	payload    string
}

// readFrame takes the text of a frame apart, without its length.
func readFrame(text string) (f frame, ok bool) {
	r := fields{rest: text}
	f.kind = r.byte()
	f.flags = uint32(r.byte())<<24 | uint32(r.byte())<<16 | uint32(r.byte())<<8 | uint32(r.byte())
	f.stream, f.id = r.varint(), r.varint()
	f.payload = r.rest
	return f, !r.bad
}

// fields reads one after the other. After something that is none, bad holds and all
// that is read is empty. What it returns shares the text's memory.
type fields struct {
	rest string
	bad  bool
}

func (r *fields) fail() { r.rest, r.bad = "", true }

func (r *fields) byte() byte {
	if r.rest == "" {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// varint is a number in the encoding of HAProxy's peers: below 240 one byte, else the
// low four bits in the first and seven more in each that follows.
func (r *fields) varint() uint64 {
	b := r.byte()
	v := uint64(b)
	if b < 240 {
		return v
	}
	for shift := 4; ; shift += 7 {
		b := r.byte()
		if r.bad || shift > 60 {
			r.fail()
			return 0
		}
		v += uint64(b) << shift
		if b < 128 {
			return v
		}
	}
}

// cut takes the next n bytes.
func (r *fields) cut(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *fields) text() string { return r.cut(r.varint()) }

// value is typed data: text of a string, else a number.
type value struct {
	kind   byte
	number int64 // of a bool 0 or 1
	text   string
}

func (r *fields) value() value {
	b := r.byte()
	v := value{kind: b & 0x0f}
	switch v.kind {
	case typeNull:
	case typeBool:
		if b&flagTrue != 0 {
			v.number = 1
		}
	case typeInt32, typeUint32, typeInt64, typeUint64:
		v.number = int64(r.varint())
	case typeIPv4:
		v.text = r.cut(4)
	case typeIPv6:
		v.text = r.cut(16)
	case typeString, typeBinary:
		v.text = r.text()
	default:
		r.fail()
	}
	return v
}

// begin begins a frame, whose length end writes.
func begin(b []byte, kind byte, stream, id uint64) []byte {
	b = append(b, 0, 0, 0, 0, kind, 0, 0, 0, flagFIN)
	return appendVarint(appendVarint(b, stream), id)
}

// end writes the length of the frame that begins at start.
func end(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendVarint(b []byte, v uint64) []byte {
	if v < 240 {
		return append(b, byte(v))
	}
	b = append(b, byte(v)|240)
	for v = (v - 240) >> 4; v >= 128; v = (v - 128) >> 7 {
		b = append(b, byte(v)|128)
	}
	return append(b, byte(v))
}

func appendText(b []byte, text string) []byte {
	return append(appendVarint(b, uint64(len(text))), text...)
}

func appendString(b []byte, text string) []byte { return appendText(append(b, typeString), text) }

func appendUint32(b []byte, n uint32) []byte { return appendVarint(append(b, typeUint32), uint64(n)) }

// setText sets a variable of the transaction to a text.
func setText(b []byte, name, text string) []byte { return appendString(setVariable(b, name), text) }

// setNumber sets a variable of the transaction to a number that is not negative.
func setNumber(b []byte, name string, n int64) []byte {
	return appendVarint(append(setVariable(b, name), typeInt64), uint64(n))
}

func setVariable(b []byte, name string) []byte {
	const setVar, arguments, transaction = 1, 3, 2
	return appendText(append(b, setVar, arguments, transaction), name)
}
