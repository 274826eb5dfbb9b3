package discovery

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// page is a log that a test reads while others write.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

// torn is what stands on it; from then on it is empty.
func (p *page) torn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.text.String()
	p.text.Reset()
	return text
}

// TestFurtherTroubleIsLogged: one name that is broken for good must not hide from the log
// that later nobody answers.
func TestFurtherTroubleIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &page{}
		cfg := DefaultConfig()
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		src := newScript("dns")
		running(t, made(t, cfg, src))
		to := <-src.to
		time.Sleep(lasting / 3) // never at the instant of a look
		warnings := func(when string, wait time.Duration, want ...string) {
			t.Helper()
			synctest.Wait()
			log.torn()
			time.Sleep(wait)
			synctest.Wait()
			got := log.torn()
			if n := strings.Count(got, "level=WARN"); n != min(len(want), 1) {
				t.Errorf("%s: %d warnings:\n%s", when, n, got)
			}
			for _, w := range want {
				if !strings.Contains(got, w) {
					t.Errorf("%s: %q is not in the log:\n%s", when, w, got)
				}
			}
		}
		broken, dead, other := errors.New("typo.example: SERVFAIL"), "a.example: read udp 127.0.0.1:5->127.0.0.77:53: refused", "a.example: read udp 127.0.0.1:7->127.0.0.77:53: refused"
		to.Trouble(broken)
		warnings("the first was logged at once", time.Hour)
		to.Trouble(errors.Join(broken, errors.New(dead), errors.New("and 7 more")))
		warnings("further trouble that lasts", 25*time.Second, "further trouble", "a.example")
		to.Trouble(errors.Join(broken, errors.New(other), errors.New("and 8 more")))
		warnings("the same from another port", time.Hour)
		to.Trouble(broken)
		time.Sleep(time.Minute)
		to.Trouble(errors.Join(broken, errors.New(dead)))
		warnings("back after the log has it long since", time.Minute, "a.example")
		to.Trouble(broken)
		time.Sleep(time.Minute)
		to.Trouble(errors.Join(broken, errors.New(dead)))
		warnings("back while the log has it lately", time.Hour)
		to.Trouble(errors.Join(broken, errors.New(dead), errors.New("forbidden")))
		warnings("for a moment", lasting/2)
		to.Trouble(errors.Join(broken, errors.New(dead)))
		warnings("over", time.Minute)
		for i := range 12 { // one after the other
			to.Trouble(errors.Join(broken, fmt.Errorf("name %d: refused", i), fmt.Errorf("name %d: refused", i+1)))
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
		if got := log.torn(); strings.Count(got, "further trouble") != 2 {
			t.Errorf("12 names in two minutes:\n%s", got)
		}
		to.Trouble(nil)
		warnings("well", time.Hour)
	})
}
