package haproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/api/proxy"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// wait is how long the agent waits for HAProxy's line, and then for HAProxy to
// take the answer. HAProxy sends at once.
const wait = time.Second

// longest is the most that is read of a line.
const longest = 512

// Serve answers the agent checks that arrive at l from the table, until ctx
// ends; it closes l, and returns when all connections have ended. The result
// is nil after ctx, else why l failed. metrics, which may be nil, count what is
// answered.
func Serve(ctx context.Context, l net.Listener, table *router.Table, metrics *proxy.Metrics) error {
	told := metrics.Adapter("haproxy-agent")
	var open sync.WaitGroup
	defer open.Wait()
	return accept(ctx, l, "haproxy agent", func(conn net.Conn) { open.Go(func() { answer(conn, table, told) }) })
}

// answer serves one check. HAProxy gets a line whatever it sent.
func answer(conn net.Conn, table *router.Table, told *proxy.Adapter) {
	defer conn.Close()
	past := time.Unix(1, 0)
	reading := time.AfterFunc(wait, func() { conn.SetReadDeadline(past) })
	line, _ := bufio.NewReader(io.LimitReader(conn, longest)).ReadString('\n') // a part of a line is an unknown name
	reading.Stop()
	n, why := percent(table, strings.TrimSpace(line))
	if why == "" {
		told.Answered()
	} else {
		told.FailedOpen(why)
	}
	writing := time.AfterFunc(wait, func() { conn.SetWriteDeadline(past) })
	fmt.Fprintf(conn, "ready up %d%%\n", n)
	writing.Stop()
}

// Percent is the weight of an endpoint, "service/endpoint" or a name that is
// unique in the table, for a request that no rule singles out. The largest
// weight of the service is 100, and the others are in proportion, rounded, but
// at least 1: only an endpoint with no traffic at all, such as an ejected one,
// is 0, which HAProxy shows as DRAIN. An endpoint that the table does not know
// is 100: HAProxy's own balancing and checks then hold.
func Percent(table *router.Table, name string) int {
	n, _ := percent(table, name)
	return n
}

// percent also says why it is 100 where the table has nothing to say.
func percent(table *router.Table, name string) (n int, failOpen string) {
	service, endpoint, ok := find(table, name)
	if !ok {
		return 100, "unknown_endpoint"
	}
	routes := table.Load(service)
	plain := routes.Weigh(&mesh.Request{Service: service})
	largest, own := 0.0, 0.0
	for i, w := range plain.Weights {
		largest = max(largest, w)
		if plain.Endpoints[i].Name == endpoint {
			own = w
		}
	}
	switch { // one that is gone has no weight, and is on no list
	case largest == 0:
		return 100, "no_endpoints"
	case own == 0:
		return 0, ""
	}
	return max(1, int(100*own/largest+0.5)), ""
}

// find takes the name apart. A service's name may contain slashes, an
// endpoint's may not.
func find(table *router.Table, name string) (service, endpoint string, ok bool) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		service, endpoint = name[:i], name[i+1:]
		return service, endpoint, holds(table, service, endpoint) || table.Load(service).Gone(endpoint)
	}
	for _, s := range table.Services() {
		if holds(table, s, name) {
			if ok { // two services have one: which is meant?
				return "", "", false
			}
			service, ok = s, true
		}
	}
	if !ok {
		return whose(table, name)
	}
	return service, name, ok
}

// whose is the service that had an endpoint which is gone.
func whose(table *router.Table, name string) (service, endpoint string, ok bool) {
	for _, s := range table.Services() {
		if table.Load(s).Gone(name) {
			if ok {
				return "", "", false
			}
			service, ok = s, true
		}
	}
	return service, name, ok
}

func holds(table *router.Table, service, endpoint string) bool {
	for _, e := range table.Load(service).Endpoints {
		if e.Name == endpoint {
			return true
		}
	}
	return false
}
