package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// children are the processes that the recorder started. All of them end with
// close, and with the recorder however it ends.
type children struct {
	dir   string      // where they write what they have to say
	calls chan func() // run on the thread that owns the processes
	died  chan error  // one that ended without being asked to

	mu  sync.Mutex
	all []*child
}

// child is one process.
type child struct {
	name   string
	cmd    *exec.Cmd
	log    string
	ending atomic.Bool // its end is wanted
	done   chan struct{}
}

// newChildren starts the thread that owns the processes. The kernel sends the
// death signal when the *thread* that started a process ends, so that thread
// has to live as long as they do.
func newChildren(dir string) *children {
	c := &children{dir: dir, calls: make(chan func()), died: make(chan error, 1)}
	go func() {
		runtime.LockOSThread()
		for call := range c.calls {
			call()
		}
	}()
	return c
}

// start runs a program; what it prints goes to NAME.log.
func (c *children) start(name string, argv ...string) (*child, error) {
	return c.startIn(c.dir, name, argv...)
}

// startIn runs a program in a directory of its own.
func (c *children) startIn(dir, name string, argv ...string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	ch := &child{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: log.Name(), done: make(chan struct{})}
	ch.cmd.Stdout, ch.cmd.Stderr = log, log
	ch.cmd.Dir = dir
	ch.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	c.calls <- func() { started <- ch.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.mu.Lock()
	c.all = append(c.all, ch)
	c.mu.Unlock()
	go func() {
		err := ch.cmd.Wait()
		close(ch.done)
		if !ch.ending.Load() {
			select {
			case c.died <- fmt.Errorf("%s ended by itself (%v): %s", name, err, ch.lastWords()):
			default: // one report is enough
			}
		}
	}()
	return ch, nil
}

// kill ends the process and those that it started at once, and waits until it is gone.
func (ch *child) kill() {
	ch.ending.Store(true)
	killGroup(ch.cmd.Process)
	<-ch.done
}

// lastWords returns the end of what the process printed.
func (ch *child) lastWords() string {
	text, err := os.ReadFile(ch.log)
	if err != nil || len(text) == 0 {
		return "it printed nothing"
	}
	return strings.TrimSpace(string(text[max(0, len(text)-600):]))
}

// close ends every process, and the thread that owns them.
func (c *children) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.all {
		ch.kill()
	}
	close(c.calls)
}
