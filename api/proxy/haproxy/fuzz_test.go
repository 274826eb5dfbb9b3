package haproxy

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// FuzzAnswer: whatever line comes, HAProxy gets a percentage.
func FuzzAnswer(f *testing.F) {
	file, err := rules.Parse("shop.yaml", []byte("services: [{name: a/b, endpoints: [{name: x}, {name: y}]}, {name: c, endpoints: [{name: x}]}]"))
	if err != nil {
		f.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		f.Fatal(err)
	}
	table := router.NewTable(set, router.DefaultConfig())
	for _, line := range []string{"a/b/x\n", "x\n", "y", "", "/\n", "c/\n", "\x00\xff\n"} {
		f.Add(line)
	}
	told := (*proxy.Metrics)(nil).Adapter("haproxy-agent")
	f.Fuzz(func(t *testing.T, line string) {
		near, far := net.Pipe()
		go answer(far, table, told)
		go func() { _, _ = io.WriteString(near, line+"\n") }() // the agent may not read all of it
		text, err := io.ReadAll(near)
		near.Close()
		percent := -1
		if _, scan := fmt.Sscanf(string(text), "ready up %d%%\n", &percent); err != nil || scan != nil || percent < 0 || percent > 100 {
			t.Errorf("%q was answered %q, %v, %v", line, text, err, scan)
		}
	})
}
