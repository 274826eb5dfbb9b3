// Package haproxy gives the weights of a routing table to HAProxy, as answers
// to its agent checks (HAProxy 2.6 configuration manual, "agent-check").
//
//	backend checkout
//	    default-server weight 100 check inter 1s agent-check agent-addr 127.0.0.1 agent-port 18190 agent-inter 200ms
//	    server b1 127.0.0.1:18101 agent-send "checkout/b1\n"
//
// HAProxy connects for each server and check, sends the agent-send line, and
// reads one line: "ready up 37%" makes the server's weight 37 % of the
// configured one. When the agent is gone, the last weights stay.
//
// "balance random(1)" draws each request by the weights. "balance roundrobin"
// splits more evenly while they stay, but HAProxy 2.6 takes up to one round,
// some 16 requests per unit of weight, to follow a change of them.
package haproxy
