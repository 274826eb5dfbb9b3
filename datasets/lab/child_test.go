package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func started(t *testing.T, c *children, script string) *child {
	t.Helper()
	ch, err := c.start("program", "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestChildrenEndWithClose(t *testing.T) {
	c := newChildren(t.TempDir())
	killed, other := started(t, c, "exec sleep 60"), started(t, c, "exec sleep 60")
	killed.kill()
	c.close()
	for _, ch := range []*child{killed, other} {
		if ch.cmd.ProcessState == nil {
			t.Error("a process that was closed has not ended")
		}
	}
	select {
	case err := <-c.died:
		t.Errorf("an end that was asked for is reported: %v", err)
	default:
	}
}

func TestChildThatEndsByItselfIsReported(t *testing.T) {
	c := newChildren(t.TempDir())
	defer c.close()
	started(t, c, "echo first; echo last words >&2; exit 7")
	err := <-c.died
	if want := "program ended by itself (exit status 7): first\nlast words"; err.Error() != want {
		t.Errorf("reported as %q; want %q", err, want)
	}
}

func TestLastWords(t *testing.T) {
	c := newChildren(t.TempDir())
	defer c.close()
	silent := started(t, c, "exit 0")
	<-silent.done
	if got := silent.lastWords(); got != "it printed nothing" {
		t.Errorf("of a silent program: %q", got)
	}
	<-c.died
	talker := started(t, c, "yes words | head -n 1000; echo the end")
	<-talker.done
	if got := talker.lastWords(); len(got) > 600 || !strings.HasSuffix(got, "words\nthe end") {
		t.Errorf("of a talker: %q", got)
	}
}

func TestStartOfNoProgram(t *testing.T) {
	c := newChildren(t.TempDir())
	defer c.close()
	if _, err := c.start("checkout-1", "/no/such/program"); err == nil || !strings.Contains(err.Error(), "start checkout-1: ") {
		t.Errorf("error is %v", err)
	}
}

func TestAwait(t *testing.T) {
	m := &running{children: newChildren(t.TempDir())}
	defer m.children.close()
	asked := 0
	err := m.await(t.Context(), "the third time", func(context.Context) error {
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err = m.await(ctx, "nothing", func(context.Context) error { return errors.New("not yet") })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for nothing") || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("error is %v", err)
	}
	started(t, m.children, "exit 1")
	err = m.await(t.Context(), "what has died", func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "program ended by itself") {
		t.Errorf("error is %v", err)
	}
}
