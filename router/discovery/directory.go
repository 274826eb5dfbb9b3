package discovery

// Change is what has become of one service. Old is nil where it is new, New where it
// is gone.
type Change struct{ Old, New *Service }

// Handler hears of changes, of one snapshot at a time, in order: of a whole list at
// once, so that who publishes can do it once. It is called by the directory's goroutine
// and must not wait long. The first that it hears of is all that there is.
type Handler func(now *Snapshot, changes []Change)
