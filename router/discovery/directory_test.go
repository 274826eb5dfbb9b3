package discovery

import (
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func TestDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, e := newScript("file"), &ear{}
		d := made(t, DefaultConfig(), src)
		d.Handle(e.hear)
		running(t, d)
		to := <-src.to
		time.Sleep(breath)
		synctest.Wait()
		if got := e.all(); len(got) != 1 || got[0].version != 1 || len(got[0].changes) != 0 {
			t.Fatalf("before anything was found: %+v", got)
		}
		time.Sleep(time.Second)

		began := time.Now()
		to.Put(service("reviews", 1, 2))
		time.Sleep(breath)
		synctest.Wait()
		if got := e.all(); len(got) != 2 || !got[1].at.Equal(began.Add(breath)) || !reflect.DeepEqual(got[1].changes, []string{"+reviews"}) {
			t.Fatalf("a lone change must not wait: %+v", got)
		}
		to.Put(service("ratings", 3))
		to.Put(service("details", 4))
		to.Put(service("reviews", 1))
		synctest.Wait()
		if got := e.all(); len(got) != 2 {
			t.Fatalf("changes soon after another are gathered: %+v", got)
		}
		time.Sleep(50*time.Millisecond + breath)
		synctest.Wait()
		if got := e.all(); len(got) != 3 || !reflect.DeepEqual(got[2].changes, []string{"+details", "+ratings", "~reviews"}) || got[2].version != 3 {
			t.Fatalf("what was gathered: %+v", got)
		}

		late := &ear{}
		d.Handle(late.hear)
		time.Sleep(time.Second)
		if got := late.all(); len(got) != 1 || !reflect.DeepEqual(got[0].changes, []string{"+details", "+ratings", "+reviews"}) {
			t.Fatalf("who comes late hears of all that there is: %+v", got)
		}
		to.Put(service("reviews", 1)) // as before
		to.Delete("Ratings.")
		time.Sleep(time.Second)
		for _, e := range []*ear{e, late} {
			got := e.all()
			if last := got[len(got)-1]; !reflect.DeepEqual(last.changes, []string{"-ratings"}) || last.version != d.Snapshot().Version() {
				t.Fatalf("deleted: %+v", last)
			}
		}
	})
}

func TestTroubleAndSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newScript("file")
		d := made(t, DefaultConfig(), src)
		running(t, d)
		to := <-src.to
		to.Put(service("a", 1))
		to.Put(service("b", 2))
		to.Synced()
		expect := func(when, want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := listed(d.Snapshot()); got != want {
				t.Errorf("%s: %q; want %q", when, got, want)
			}
		}
		expect("synced", "a b ")
		to.Trouble(errors.New("gone"))
		expect("in trouble", "a? b? ")
		to.Put(service("b", 2))
		expect("told in the midst of it", "a? b ")
		to.Trouble(errors.New("gone"))
		expect("in trouble again", "a? b? ")
		to.Trouble(nil)
		expect("it answers again", "a b ")
		to.Trouble(errors.New("gone"))
		to.Put(service("b", 2))
		to.Put(service("c", 3))
		expect("half told", "a? b c ")
		to.Synced()
		expect("all told", "b c ")
	})
}

// listed lists the services of a snapshot; "?" is stale.
func listed(s *Snapshot) string {
	text := ""
	for _, service := range s.Services() {
		text += service.Name
		if service.Stale {
			text += "?"
		}
		text += " "
	}
	return text
}

func TestSourceThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := newScript("bad"), newScript("good")
		d := made(t, DefaultConfig(), bad, good)
		running(t, d)
		began := time.Now()
		(<-good.to).Put(service("g", 1))
		ends := []func() error{
			func() error { return errors.New("no such place") },
			func() error { panic("oh") },
			func() error { return nil },
		}
		for i, end := range ends {
			(<-bad.to).Put(service("b", i))
			time.Sleep(100 * time.Millisecond)
			bad.end <- end
			synctest.Wait()
			time.Sleep(100 * time.Millisecond)
			if got := listed(d.Snapshot()); got != "b? g " {
				t.Errorf("end %d: %q", i, got)
			}
			if s := d.Sources(); s[0].Restarts != i+1 || s[0].Trouble == nil || s[1].Restarts != 0 || s[1].Trouble != nil {
				t.Errorf("end %d: %+v", i, s)
			}
		}
		to := <-bad.to
		if took := time.Since(began); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("three restarts took %v; want 1, 2 and 4 s", took)
		}
		to.Synced()
		time.Sleep(time.Second)
		if got := listed(d.Snapshot()); got != "g " {
			t.Errorf("synced without it: %q", got)
		}
	})
}

func TestTwoSourcesOfOneName(t *testing.T) {
	if _, err := New(DefaultConfig(), newScript("a"), newScript("a")); err == nil {
		t.Error("taken")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an empty Config is taken")
	}
}
