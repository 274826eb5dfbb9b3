package loop

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// ahead is how far the time of a window may be after the clock's, and jumped how far
// before the last one's until it is the clock that was set back.
const ahead, jumped = time.Minute, time.Minute

// odd says what makes a window none to decide upon; the last ones age instead. A
// service whose endpoints have all gone keeps the last ones until the metrics of them
// are too old, and then serves by the rules.
func (l *Loop) odd(w *mesh.Window) string {
	last := l.former.last[w.Service]
	switch {
	case len(w.Endpoints) == 0:
		return "it has no endpoints: the last ones are kept"
	case l.cfg.Live && w.Time.Sub(l.cfg.Clock()) > ahead:
		return fmt.Sprintf("its time, %v, is in the future", w.Time)
	case last != nil && w.Time.Equal(last.Time) && w.End.Equal(last.End):
		return "it came twice"
	}
	return ""
}

// backwards begins anew where the clock was set back: windows would be refused as
// older than the last until it had caught up.
func (l *Loop) backwards(now time.Time) {
	if l.newest.IsZero() || l.newest.Sub(now) <= jumped || l.cfg.Live && l.cfg.Clock().Sub(now) > jumped {
		return
	}
	l.cfg.Log.Warn("time has gone back; what was remembered of the windows is forgotten", "from", l.newest, "to", now)
	l.kept.forget()
	l.newest = now
	if l.tried != nil {
		l.supersede(Change{Version: l.trying.Version, Back: true})
	}
	former, err := newLine(&l.cfg, l.former.model, l.former.rules, l.pace, l.known)
	if err != nil {
		l.cfg.Log.Error("the line is kept", "error", err)
		return
	}
	former.found(l.known.Live(), l.now(), l.restores)
	l.former = former
}
