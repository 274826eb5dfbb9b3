package api

import (
	"os"
	"runtime/debug"
)

// garbage is how much of what lives may be garbage before it is collected, in
// percent. A server of many services keeps much that is looked at by every
// collection, and makes little that is garbage: at Go's own 100 much of the
// processor goes to looking.
const garbage = 400

// CollectLess has this process collect garbage less often, for more memory. Who sets
// GOGC is obeyed; GOMEMLIMIT bounds the memory as ever.
func CollectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
