package api

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router/rules"
)

// balancing is nil where the rules ask nothing.
func balancing(b *rules.Balance) *fairwayv1.Balancing {
	if b.Algorithm == rules.Weighted && len(b.Hash) == 0 && b.Table == 0 && b.SubsetSize == 0 {
		return nil
	}
	out := &fairwayv1.Balancing{Algorithm: string(b.Algorithm), TableSize: uint32(b.Table), SubsetSize: uint32(b.SubsetSize)}
	for _, key := range b.Hash {
		k := &fairwayv1.HashKey{Of: string(key.Of), Name: key.Name}
		if key.TTL > 0 {
			k.Ttl = durationpb.New(key.TTL)
		}
		out.Hash = append(out.Hash, k)
	}
	return out
}

// circuit is nil where the rules bound nothing.
func circuit(c *rules.Circuit) *fairwayv1.Circuit {
	if *c == (rules.Circuit{}) {
		return nil
	}
	out := &fairwayv1.Circuit{
		Connections: uint32(c.Connections), Pending: uint32(c.Pending), Requests: uint32(c.Requests),
		Retries: uint32(c.Retries), PerConnection: uint32(c.PerConnection),
	}
	if c.ConnectTimeout > 0 {
		out.ConnectTimeout = durationpb.New(c.ConnectTimeout)
	}
	return out
}
