package rules_test

import (
	"fmt"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

func Example() {
	file, err := rules.Parse("reviews.yaml", []byte(`
services:
  - name: reviews
    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2}
      - {name: rest, to: [{subset: v1, weight: 90}, {subset: v2, weight: 10}]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := rules.Compile(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	request := mesh.Request{Headers: map[string]string{"end-user": "anna"}}
	for _, step := range set.Service("reviews").Explain(&request, nil) {
		fmt.Println(step.Route, step.Matched, step.Why)
	}
	// Output:
	// jason false header "end-user" = "jason": it is "anna"
	// rest true matches every request
}
