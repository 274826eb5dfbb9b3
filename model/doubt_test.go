package model

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestReadFirstLayout reads a file from before there were members and doubt.
func TestReadFirstLayout(t *testing.T) {
	m := sample()
	m.Routing.Members, m.Routing.Mean, m.Routing.Doubt, m.Failure = nil, false, nil, nil
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	if header := b.Bytes()[:b.Len()-4*m.parameters()]; bytes.Contains(header, []byte("members")) || bytes.Contains(header, []byte("doubt")) {
		t.Error("the header names what the model does not have")
	}
	content := b.Bytes()[:b.Len()-32]
	binary.LittleEndian.PutUint32(content[8:], 1)
	got, err := Read(bytes.NewReader(sealed(content)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

func TestValidateEnsemble(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for name, c := range map[string]struct {
		spoil func(n *Network)
		want  string
	}{
		"shape":      {func(n *Network) { n.Members[1] = layers(random, 2, 9, OutcomeOutputs) }, "member 2: layer 1 has 9 outputs"},
		"depth":      {func(n *Network) { n.Members[0] = n.Members[0][:1] }, "member 1: 1 layers; the network has 2"},
		"weight":     {func(n *Network) { n.Members[0][1].W[3] = float32(math.NaN()) }, "member 1: layer 2: parameter 3 is NaN"},
		"mean":       {func(n *Network) { n.Members = nil }, "mean of members is to answer, and there are none"},
		"crowd":      {func(n *Network) { n.Members = make([][]Layer, 65) }, "65 members; want at most 64"},
		"whitening":  {func(n *Network) { n.Doubt.Whiten = layers(random, 3, 3)[0] }, "doubt: whiten: it takes 3 inputs; 2 come in"},
		"bent":       {func(n *Network) { n.Doubt.Whiten.ReLU = true }, "whiten has a ReLU"},
		"no limits":  {func(n *Network) { n.Doubt.Distance = nil }, "no limits of the distance"},
		"limit zero": {func(n *Network) { n.Doubt.Spread[1] = 0 }, "want more than 0"},
		"limit NaN":  {func(n *Network) { n.Doubt.Distance[0] = math.NaN() }, "want more than 0"},
		"span":       {func(n *Network) { n.Doubt.Latency = Span{2, 1} }, "want 0 < low ≤ high"},
		"other kind": {func(n *Network) { n.Kind, n.Layers = Softmax, layers(random, 2, 8, 1) }, "members belong to outcome networks only"},
	} {
		m := sample()
		c.spoil(m.Routing)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestLimitsOf(t *testing.T) {
	l := Limits{4, 3, 2}
	for n, want := range map[int]float64{0: 4, 1: 4, 2: 3, 3: 2, 50: 2} {
		if got := l.Of(n); got != want {
			t.Errorf("of %d: %v, want %v", n, got, want)
		}
	}
	if got := Limits(nil).Of(3); !math.IsInf(got, 1) {
		t.Errorf("no limits: %v", got)
	}
}

// TestIdentifies: a service that training saw is judged by its own history, one
// that it did not see by all that had a choice.
func TestIdentifies(t *testing.T) {
	pool := func(windows int) map[string]Level {
		return map[string]Level{"a": {Windows: windows}, "b": {Windows: windows}}
	}
	alone := map[string]Level{"a": {Windows: 10_000}}
	for name, c := range map[string]struct {
		card    Card
		service string
		want    bool
	}{
		"seen, varied":                 {Card{Levels: map[string]map[string]Level{"x": pool(10)}}, "x", true},
		"seen, fixed":                  {Card{Levels: map[string]map[string]Level{"x": pool(10)}, Unidentified: []string{"x"}}, "x", false},
		"unseen, all fixed":            {Card{Levels: map[string]map[string]Level{"x": pool(10), "alone": alone}, Unidentified: []string{"x"}}, "y", false},
		"unseen, all varied":           {Card{Levels: map[string]map[string]Level{"x": pool(10)}}, "y", true},
		"unseen, most varied":          {Card{Levels: map[string]map[string]Level{"x": pool(10), "z": pool(20)}, Unidentified: []string{"x"}}, "y", true},
		"unseen, few varied":           {Card{Levels: map[string]map[string]Level{"x": pool(30), "z": pool(20)}, Unidentified: []string{"x"}}, "y", false},
		"a network from elsewhere":     {Card{}, "y", true},
		"seen, its endpoints were one": {Card{Levels: map[string]map[string]Level{"alone": alone}}, "alone", true},
	} {
		if got := c.card.Identifies(c.service); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
