package discovery

import "context"

// Source watches one place that knows services.
type Source interface {
	// Name tells it from the others of a directory, in metrics and logs: kubernetes,
	// dns, file, prometheus, consul.
	Name() string
	// Watch tells a sink what there is and what changes until ctx ends, and returns
	// nil then. Where the place cannot be reached it says Trouble and goes on trying:
	// an error is what no trying mends. No goroutine outlives it.
	Watch(ctx context.Context, to Sink) error
}

// Hearsay is a Source that has it from others, who may know better: it lists what was
// there some time ago, or what is no place for requests. Where a source that is none and
// answers tells of a service too, a Hearsay's endpoints add to those what they do not
// say, and are none beside them.
type Hearsay interface {
	Source
	Hearsay()
}

// Sink takes what a source says. Its methods may be called from any goroutine of the
// source, one at a time; they do not wait for whoever hears of it.
type Sink interface {
	// Put says that a service is as s is, in place of what the source said of that name
	// before. s is the sink's from then on.
	Put(s *Service)
	// Delete says that there is no such service any more.
	Delete(name string)
	// Synced says that everything has been told: what was known from an earlier life
	// of the process, or from before the trouble, and has not been told again is gone.
	Synced()
	// Trouble says that the source cannot be reached, and what it said is stale; nil
	// that it answers again. Synced says that too.
	Trouble(err error)
}
