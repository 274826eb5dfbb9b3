package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"
)

// udpSize is what DNS Flag Day 2020 recommends: larger datagrams are torn apart.
const udpSize = 1232

// asker asks servers. Any number of goroutines may use it.
type asker struct {
	Config
	slots chan struct{}
}

// servers are those to ask now, and the names to try in turn.
func (a *asker) servers(name string) (servers, names []string, err error) {
	if a.Server != "" {
		return []string{a.Server}, []string{dns.Fqdn(name)}, nil
	}
	conf, err := dns.ClientConfigFromFile(a.Resolv)
	if err != nil {
		return nil, nil, fmt.Errorf("which servers to ask: %w", err)
	}
	const most = 3 // as resolv.conf(5)
	for _, s := range conf.Servers[:min(len(conf.Servers), most)] {
		servers = append(servers, net.JoinHostPort(s, conf.Port))
	}
	if len(servers) == 0 {
		return nil, nil, fmt.Errorf("%s names no server; give one", a.Resolv)
	}
	return servers, conf.NameList(name), nil
}

// ask returns the first answer that says what there is, or that there is nothing.
func (a *asker) ask(ctx context.Context, servers []string, name string, kind uint16) (*dns.Msg, error) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var errs []error
	for try := range a.Tries {
		for _, server := range servers {
			answer, err := a.exchange(ctx, server, name, kind)
			if err == nil {
				return answer, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if try == 0 {
				errs = append(errs, fmt.Errorf("%s %s: server %s: %w", name, dns.TypeToString[kind], server, err))
			}
		}
	}
	return nil, errors.Join(errs...)
}

// exchange asks one server, again by TCP what is too long for a datagram, and without
// EDNS who does not know it.
func (a *asker) exchange(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, kind).SetEdns0(udpSize, false)
	answer, err := a.send(ctx, "udp", server, question)
	if err == nil && (answer.Rcode == dns.RcodeFormatError || answer.Rcode == dns.RcodeNotImplemented) {
		question = new(dns.Msg).SetQuestion(name, kind)
		answer, err = a.send(ctx, "udp", server, question)
	}
	if err == nil && answer.Truncated {
		if answer, err = a.send(ctx, "tcp", server, question); err != nil {
			return nil, fmt.Errorf("its answer is too long for UDP, and by TCP: %w", err)
		}
		if answer.Truncated {
			return nil, errors.New("its answer is cut off by TCP too")
		}
	}
	switch {
	case err != nil:
		return nil, err
	case answer.Rcode == dns.RcodeNameError:
		return answer, nil
	case answer.Rcode != dns.RcodeSuccess:
		return nil, fmt.Errorf("it says %s", rcode(answer.Rcode))
	case len(answer.Answer) == 0 && !answer.Authoritative && !answer.RecursionAvailable:
		return nil, errors.New("it knows nothing of that name and asks nobody else (no recursion); name another server")
	}
	return answer, nil
}

func rcode(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("code %d", code)
}

// send asks once and waits as long as is allowed.
func (a *asker) send(ctx context.Context, network, server string, question *dns.Msg) (*dns.Msg, error) {
	within, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	client := &dns.Client{Net: network, Timeout: a.Timeout}
	conn, err := client.DialContext(within, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // its deadline is all that the client heeds
	answer, _, err := client.ExchangeWithConnContext(within, question, conn)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return nil, fmt.Errorf("no answer within %s; is it reachable?", a.Timeout)
	}
	if err != nil {
		return nil, err
	}
	q := question.Question[0]
	if !answer.Response || len(answer.Question) != 1 || answer.Question[0].Qtype != q.Qtype || !strings.EqualFold(answer.Question[0].Name, q.Name) {
		return nil, errors.New("it answers another question than was asked")
	}
	return answer, nil
}
