// Package threat says how much each caller of the API is to be feared: low,
// medium or high.
//
// A caller is a name that a certificate proved (never an address). What it does
// is counted on the path of its requests without a lock; a Judge compares it
// with the caller's own past and with its peers every few seconds. The origin's
// rule is kept: an anomaly of one that exceeds a limit is high, another anomaly
// medium, everything else low. A level goes up at once, and down one step at a
// time, each when nothing was wrong for a while. Operators' overrides hold
// against the judge.
//
// Who fails to prove a name is a stranger, whatever name he claims: all of them
// are one subject, that nobody is refused for.
//
// What a level means for a call is package guard's. Nothing here reads a clock.
package threat
