package haproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// server is what HAProxy says of one.
type server struct {
	name   string
	weight int
	agent  bool // an agent check sets its weight
}

// mostAnswer is the most that is read of an answer: some 10,000 servers.
const mostAnswer = 4 << 20

// oneLine is how long a line of commands may be: HAProxy reads it into one buffer of
// 16 KiB.
const oneLine = 8 << 10

// command has HAProxy carry out commands, and returns what it answers to all of them.
// Each line takes a connection of its own, so that after a reload it is the new
// process that is spoken to.
func (k *keeper) command(ctx context.Context, commands ...string) (answer string, err error) {
	for len(commands) > 0 {
		line, n := commands[0], 1
		for ; n < len(commands) && len(line)+len(commands[n]) < oneLine; n++ {
			line += ";" + commands[n]
		}
		commands = commands[n:]
		one, err := k.exchange(ctx, line+"\n")
		if err != nil {
			return answer, err
		}
		answer += one
	}
	return answer, nil
}

func (k *keeper) exchange(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Patience)
	defer cancel()
	network, address := "tcp", k.Address
	if path, local := strings.CutPrefix(address, "unix:"); local {
		network, address = "unix", path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", k.Address, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, line); err != nil {
		return "", fmt.Errorf("%s: %w", k.Address, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, mostAnswer))
	if err != nil {
		return "", fmt.Errorf("%s: %w", k.Address, err)
	}
	return string(answer), nil
}

// servers asks for those of a backend.
func (k *keeper) servers(ctx context.Context, backend string) ([]server, error) {
	text, err := k.command(ctx, "show servers state "+backend)
	if err != nil {
		return nil, err
	}
	servers, ok := readServers(text)
	if !ok {
		return nil, fmt.Errorf("%w: show servers state %s: %.100q; is there such a backend, and is the socket's level admin?", errRefused, backend, strings.TrimSpace(text))
	}
	return servers, nil
}

// readServers reads the answer to "show servers state": a version, the names of the
// columns, and a line for each server (HAProxy 2.6, management.txt).
func readServers(text string) (servers []server, ok bool) {
	lines := strings.Split(text, "\n")
	at := map[string]int{}
	for i, line := range lines {
		if names, head := strings.CutPrefix(line, "# "); head {
			for column, name := range strings.Fields(names) {
				at[name] = column
			}
			lines = lines[i+1:]
			break
		}
	}
	name, named := at["srv_name"]
	weight, weighed := at["srv_uweight"]
	agent, agents := at["srv_agent_state"]
	if !named || !weighed || !agents {
		return nil, false
	}
	for _, line := range lines {
		cells := strings.Fields(line)
		if len(cells) <= max(name, weight, agent) {
			continue
		}
		n, wrong := strconv.Atoi(cells[weight])
		state, bad := strconv.Atoi(cells[agent])
		s := server{name: cells[name], weight: n}
		if wrong != nil || bad != nil || !word(s.name) {
			return nil, false
		}
		const configured, enabled = 2, 4
		s.agent = state&configured != 0 && state&enabled != 0
		servers = append(servers, s)
	}
	return servers, true
}
