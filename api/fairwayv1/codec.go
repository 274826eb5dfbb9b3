package fairwayv1

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Codec writes and reads the messages of this package by generated code
// (vtprotobuf), and all others as gRPC's own codec does. On the wire there is
// no difference; either side may have it alone.
//
// A message that was read shares the memory of its strings: who keeps one
// string of it for long, keeps them all.
type Codec struct{}

// stock is gRPC's own codec, for messages of others: health, reflection.
var stock = encoding.GetCodecV2(proto.Name)

// generated is what vtprotobuf wrote for each message.
type generated interface {
	Reset()
	SizeVT() int
	MarshalToSizedBufferVT(to []byte) (int, error)
	UnmarshalVTUnsafe(from []byte) error
}

// Name is that of gRPC's own codec: the content is the same.
func (Codec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ours := v.(generated)
	if !ours {
		return stock.Marshal(v)
	}
	size := m.SizeVT()
	if mem.IsBelowBufferPoolingThreshold(size) {
		text := make([]byte, size)
		_, err := m.MarshalToSizedBufferVT(text)
		return mem.BufferSlice{mem.SliceBuffer(text)}, err
	}
	pool := mem.DefaultBufferPool()
	text := pool.Get(size)
	if _, err := m.MarshalToSizedBufferVT((*text)[:size]); err != nil {
		pool.Put(text)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(text, pool)}, nil
}

// Unmarshal implements encoding.CodecV2. What is read is copied once, since
// the strings of the message outlive the transport's buffers; strings are not
// checked to be UTF-8.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ours := v.(generated)
	if !ours {
		return stock.Unmarshal(data, v)
	}
	m.Reset()
	return m.UnmarshalVTUnsafe(data.Materialize())
}
