package file

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/fsnotify/fsnotify"

	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/again"
	"github.com/fairway-mesh/fairway/router/discovery/target"
)

// watch is what one Watch knows. Its goroutine alone uses it.
type watch struct {
	Config
	teller  *again.Teller
	watcher *fsnotify.Watcher // nil where there is none
	dirs    map[string]bool   // which it watches
	files   map[string]*held
}

// held is what a file said when it could last be read.
type held struct {
	targets []target.Target
	sum     [sha256.Size]byte // of the text that was read last, be it good or bad
	err     error             // why it cannot be believed now
}

// Bounds of all files together.
const (
	mostFiles   = 1_000
	mostTargets = 100_000
)

// read reads all files and tells what has changed.
func (w *watch) read() {
	names, troubles := w.list()
	if len(names) > mostFiles {
		troubles = append(troubles, fmt.Errorf("%d files of services; want at most %d: the last are left out", len(names), mostFiles))
		names = names[:mostFiles]
	}
	maps.DeleteFunc(w.files, func(name string, _ *held) bool { return !slices.Contains(names, name) })
	total := 0
	for _, name := range names {
		h := w.files[name]
		if h == nil {
			h = &held{}
			w.files[name] = h
		}
		before := h.err
		h.read(name, mostTargets-total)
		total += len(h.targets)
		if h.err == nil {
			continue
		}
		troubles = append(troubles, h.err)
		if before == nil || before.Error() != h.err.Error() {
			w.Log.Warn("a file of services is not believed; it keeps what it said before", "targets", len(h.targets), "error", h.err)
		}
	}
	w.teller.Tell(w.services(names), again.Joined(troubles))
}

// read takes a file's text, of which at most so many targets have room.
func (h *held) read(name string, room int) {
	text, err := contents(name)
	if err != nil {
		h.err, h.sum = err, [sha256.Size]byte{}
		return
	}
	sum := sha256.Sum256(text)
	if sum == h.sum && len(h.targets) <= room {
		return
	}
	h.sum = sum
	targets, err := parse(name, text)
	if err == nil && len(targets) > room {
		err, h.sum = fmt.Errorf("%s: with its targets there are more than %d in all files", name, mostTargets), [sha256.Size]byte{}
	}
	if h.err = err; err == nil {
		h.targets = targets
	}
}

// contents reads a file, unless it is none or too long to be a list of targets.
func contents(name string) ([]byte, error) {
	if stat, err := os.Stat(name); err != nil {
		return nil, err
	} else if !stat.Mode().IsRegular() { // to open a pipe would wait
		return nil, fmt.Errorf("%s: it is no regular file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, longest+1)) // parse refuses what is longer
}

// services are those of all files. What only files say that are not believed is stale.
func (w *watch) services(names []string) []*discovery.Service {
	var all, good []target.Target
	for _, name := range names {
		h := w.files[name]
		all = append(all, h.targets...)
		if h.err == nil {
			good = append(good, h.targets...)
		}
	}
	how := reading
	how.Time = w.Clock()
	services := target.Services(all, how)
	if len(good) == len(all) {
		return services
	}
	confirmed := map[string]bool{}
	for _, s := range target.Services(good, how) {
		confirmed[s.Name] = true
	}
	for _, s := range services {
		s.Stale = !confirmed[s.Name]
	}
	return services
}

// list is the files that there are or have to be, and why some cannot be told. Folders
// are watched before they are looked at, so that no change is lost in between.
func (w *watch) list() (names []string, troubles []error) {
	dirs := map[string]bool{}
	for _, pattern := range w.Files {
		folders(pattern, dirs)
	}
	w.follow(dirs, false)
	for _, pattern := range w.Files {
		found, err := find(pattern)
		if err != nil {
			troubles = append(troubles, err)
			found = slices.AppendSeq(found, w.matching(pattern))
		}
		names = append(names, found...)
	}
	for _, name := range names {
		linked(name, dirs)
	}
	w.follow(dirs, true)
	slices.Sort(names)
	return slices.Compact(names), troubles
}

// follow watches folders, and no others any more where those are all. A folder that
// was made anew is watched anew.
func (w *watch) follow(dirs map[string]bool, all bool) {
	if w.watcher == nil {
		return
	}
	for dir := range dirs {
		err := w.watcher.Add(dir)
		if err != nil && !w.dirs[dir] && !errors.Is(err, os.ErrNotExist) {
			w.Log.Warn("a folder cannot be watched; its files are read again and again", "folder", dir, "every", w.Reread, "error", err)
		}
		w.dirs[dir] = true
	}
	if !all {
		return
	}
	for dir := range w.dirs {
		if !dirs[dir] {
			w.watcher.Remove(dir) // an error says that it is not watched
			delete(w.dirs, dir)
		}
	}
}
