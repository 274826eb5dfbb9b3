package istio

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// review looks at the services as a whole: for rules that are never reached,
// requests that no rule takes, and subsets that nothing defines.
func (t *translator) review() {
	for _, name := range t.order {
		s := t.byName[name]
		t.unreachable(s)
		if len(s.Routes) > 0 && !takesSomewhere(s.Routes) {
			t.about(s.Where, fmt.Sprintf("requests for %s that no rule matches get 404 from Istio; fairway spreads them over all endpoints of the service; end with a rule without a match", name))
		}
		t.undefined(s)
	}
}

func (t *translator) unreachable(s *service) {
	if len(s.Routes) > maxReviewed {
		t.about(s.Where, fmt.Sprintf("%s has more than %d rules: fairway does not look for those that are never reached", s.Name, maxReviewed))
		return
	}
	for _, u := range rules.Unreachable(s.Routes) {
		t.about(s.Routes[u.Route].Where, u.Text)
	}
}

// takesSomewhere reports whether one of the routes takes every request.
func takesSomewhere(routes []rules.Route) bool {
	for i := range routes {
		if takesAll(&routes[i]) {
			return true
		}
	}
	return false
}

// undefined warns of subsets that no DestinationRule defines, once for each.
func (t *translator) undefined(s *service) {
	told := map[string]bool{}
	for i := range s.Routes {
		for _, target := range s.Routes[i].To {
			of := s
			if target.Service != "" {
				of = t.byName[target.Service]
			}
			if target.Subset == "" || of != nil && of.Subset(target.Subset) != nil {
				continue
			}
			name := target.Service
			if name == "" {
				name = s.Name
			}
			if key := name + " " + target.Subset; !told[key] {
				told[key] = true
				t.about(s.Routes[i].Where, fmt.Sprintf("no DestinationRule defines subset %s of %s: fairway takes the endpoints whose metrics call their subset so, and Istio answers 503", target.Subset, name))
			}
		}
	}
}

// about warns of a place that is known as file:line.
func (t *translator) about(where, text string) {
	colon := strings.LastIndexByte(where, ':')
	line, _ := strconv.Atoi(where[colon+1:])
	t.findings = append(t.findings, manifest.Finding{File: where[:max(colon, 0)], Line: line, Level: manifest.Warning, Text: text})
}
