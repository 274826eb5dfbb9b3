package journal

// Stats says how a journal fares. After Close, Appended is Written and what was
// Dropped, without the Oldest.
type Stats struct {
	Appended uint64 // entries that Append was given
	Written  uint64 // that the operating system has: they outlive this process
	Dropped  Dropped
	Segments int   // with those that are damaged
	Bytes    int64 // that they take on disk
	Err      error // why nothing can be written now; nil when all is well
}

// Dropped counts entries that were lost, by why.
type Dropped struct {
	Queue  uint64 // the queue was full
	Disk   uint64 // the queue was full because the disk takes nothing
	Size   uint64 // one is greater than the queue
	Closed uint64 // came after Close, or could not be written before it ended
	Oldest uint64 // were in a segment that went because of MaxBytes before the Reader, if there is one, came to it
}

// Total counts all of them.
func (d Dropped) Total() uint64 { return d.Queue + d.Disk + d.Size + d.Closed + d.Oldest }

// Stats says how the journal fares. It looks into the directory.
func (j *Journal) Stats() Stats {
	if j == nil {
		return Stats{}
	}
	s := j.counts()
	all, _ := list(j.directory) // nothing to count where it is gone
	for _, segment := range all {
		s.Segments++
		s.Bytes += segment.size
	}
	return s
}

func (j *Journal) counts() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stats
}
