package istio

import (
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
)

// Bounds of Envoy on the tables of consistent hashing.
const (
	maxRing   = 8 << 20
	maxMaglev = 5_000_011
)

var balanceRefused = []field{{"zoneAwareLbSetting", "use localityLbSetting"}}

var balanceLeft = []field{
	{"warmup", "fairwayd has a slow start of its own for endpoints that appear"},
	{"warmupDurationSecs", "fairwayd has a slow start of its own for endpoints that appear"},
}

var cookieLeft = []field{
	{"path", "fairway makes no cookies"},
	{"attributes", "fairway makes no cookies"},
}

var algorithms = map[v1alpha3.LoadBalancerSettings_SimpleLB]rules.Algorithm{
	v1alpha3.LoadBalancerSettings_UNSPECIFIED:   rules.Weighted,
	v1alpha3.LoadBalancerSettings_ROUND_ROBIN:   rules.RoundRobin,
	v1alpha3.LoadBalancerSettings_LEAST_REQUEST: rules.LeastRequest,
	//lint:ignore SA1019 it stands in rules that people have
	v1alpha3.LoadBalancerSettings_LEAST_CONN: rules.LeastRequest,
	v1alpha3.LoadBalancerSettings_RANDOM:     rules.Random,
}

func (t *translator) balance(p place, lb *v1alpha3.LoadBalancerSettings) rules.Balance {
	if hash := lb.GetConsistentHash(); hash != nil {
		return t.hash(p.in("consistentHash"), hash)
	}
	algorithm, ok := algorithms[lb.GetSimple()]
	if !ok {
		t.refuse(p.in("simple"), "simple: %s is not supported: it leaves fairway nothing to choose; use ROUND_ROBIN, LEAST_REQUEST or RANDOM", lb.GetSimple())
	}
	return rules.Balance{Algorithm: algorithm}
}

func (t *translator) hash(p place, h *v1alpha3.LoadBalancerSettings_ConsistentHashLB) rules.Balance {
	b := rules.Balance{Algorithm: rules.RingHash}
	switch key := h.HashKey.(type) {
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName:
		b.Hash = []rules.HashKey{{Of: rules.HashHeader, Name: strings.ToLower(key.HttpHeaderName)}}
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpCookie:
		b.Hash = []rules.HashKey{t.cookie(p.in("httpCookie"), key.HttpCookie)}
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_HttpQueryParameterName:
		b.Hash = []rules.HashKey{{Of: rules.HashQuery, Name: key.HttpQueryParameterName}}
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_UseSourceIp:
		if key.UseSourceIp {
			b.Hash = []rules.HashKey{{Of: rules.HashSource}}
		}
	}
	switch {
	case len(b.Hash) == 0:
		t.refuse(p, "consistentHash of nothing; write one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName")
	case b.Hash[0].Name == "" && b.Hash[0].Of != rules.HashSource:
		t.refuse(p, "consistentHash of a %s without a name", b.Hash[0].Of)
	}
	switch algorithm := h.HashAlgorithm.(type) {
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_RingHash_:
		b.Table = t.table(p.in("ringHash", "minimumRingSize"), algorithm.RingHash.GetMinimumRingSize(), maxRing)
	case *v1alpha3.LoadBalancerSettings_ConsistentHashLB_Maglev:
		b.Algorithm = rules.Maglev
		b.Table = t.table(p.in("maglev", "tableSize"), algorithm.Maglev.GetTableSize(), maxMaglev)
	default:
		//lint:ignore SA1019 it stands in rules that people have
		b.Table = t.table(p.in("minimumRingSize"), h.GetMinimumRingSize(), maxRing)
	}
	return b
}

func (t *translator) table(p place, size uint64, most int) int {
	if size > uint64(most) {
		t.refuse(p, "a table of %d; write at most %d", size, most)
		return 0
	}
	return int(size)
}

// cookie is one that sessions are told apart by. Istio makes one that is missing
// where there is a ttl; of 0 it is for the session, which fairway cannot say.
func (t *translator) cookie(p place, c *v1alpha3.LoadBalancerSettings_ConsistentHashLB_HTTPCookie) rules.HashKey {
	t.leaveFields(p, cookieLeft)
	key := rules.HashKey{Of: rules.HashCookie, Name: c.GetName()}
	if c.GetTtl() == nil {
		return key
	}
	switch key.TTL = c.Ttl.AsDuration(); {
	case key.TTL < 0 || c.Ttl.CheckValid() != nil:
		t.refuse(p.in("ttl"), "ttl is out of range")
	case key.TTL == 0:
		t.warn(p.in("ttl"), "ttl 0s is left to the proxy: it makes a cookie for the session")
	}
	return key
}
