package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// servedProcess is a server in a process of its own, and a connection to it.
type servedProcess struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Scanner
	conn   *grpc.ClientConn
	router fairwayv1.RouterClient
}

// startServed runs this program with other arguments, and connects to where it
// says that it listens. An echo is called with gRPC's own codec.
func startServed(ctx context.Context, log io.Writer, args ...string) (p *servedProcess, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p = &servedProcess{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.stdout = bufio.NewScanner(out)
	if !p.stdout.Scan() {
		return nil, fmt.Errorf("%s ended before it listened: %w", strings.Join(args, " "), p.stop())
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if !strings.Contains(strings.Join(args, " "), "--echo") {
		options = append(options, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(fairwayv1.Codec{})))
	}
	if p.conn, err = grpc.NewClient(p.stdout.Text(), options...); err != nil {
		return nil, firstError(err, p.stop())
	}
	p.router = fairwayv1.NewRouterClient(p.conn)
	return p, nil
}

// tell sends a line, and waits until the process has done what it says.
func (p *servedProcess) tell(line string) error {
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		return err
	}
	if !p.stdout.Scan() {
		return fmt.Errorf("the server ended instead of hearing %q", line)
	}
	return nil
}

func (p *servedProcess) stop() (err error) {
	if p.conn != nil {
		err = p.conn.Close()
	}
	return firstError(err, firstError(p.stdin.Close(), p.cmd.Wait()))
}

// messageSizes are means, in bytes.
type messageSizes struct {
	request, answer int
	learned         float64 // part of the decisions whose weights are the model's
}

func (p *servedProcess) sizes(ctx context.Context, in requestList) (s messageSizes, err error) {
	for _, r := range in {
		d, err := p.router.Decide(ctx, r)
		if err != nil {
			return s, err
		}
		if d.GetEndpoint().GetName() == "" {
			return s, fmt.Errorf("the daemon decided %v, without an endpoint", d)
		}
		if d.Source == fairwayv1.Decision_MODEL {
			s.learned += 1 / float64(len(in))
		}
		s.request, s.answer = s.request+proto.Size(r), s.answer+proto.Size(d)
	}
	s.request, s.answer = s.request/len(in), s.answer/len(in)
	return s, nil
}
