// Package trial judges a change of model or rules while both versions serve: the
// tried line decides a share of the requests, drawn at random, and the former line
// the rest. It tells when the tried line may have more, when it may have all, and
// when to go back because requests fare worse with it.
//
// # What is compared
//
// Which line a request drew has an effect only through the endpoint that it was
// sent to, and there it meets what all others meet. So a line's mean cost in a
// window is Σ (the line's weight of an endpoint) × (mean cost there): the
// randomised comparison with the draw integrated out. Its variance is lower than
// that of splitting the requests by line (Rao and Blackwell), the same line twice
// differs by nothing at all, and it needs no more than metrics and the weights that
// were in force. Both lines meet the same endpoints in the same windows: what slows
// the mesh down raises both, and a line that overloads an endpoint pays for it with
// its own weight of it. Cost is latency, a failure costs the deadline (mesh.Objective).
//
// The hold-back keeps the former line's weights in the comparison, not the state
// that the mesh would be in if it alone served. A line that is good for all and less
// good for itself than a selfish one is held against it: that errs on the side of
// what is known to work, by the margin at least.
//
// # How it is judged
//
// The difference of a service in a window is d = (tried − former) / (tried +
// former), between −1 and 1. Evidence that it exceeds the margin is an e-process:
// a product over windows of exp(λ(d − margin) − λ²σ²/2), mixed over λ (Robbins,
// "Statistical Methods Related to the Law of the Iterated Logarithm", 1970; Howard,
// Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
// confidence sequences", 2021) and over the windows at which the harm may have
// begun (Shin, Ramdas and Rinaldo, "E-detectors", 2023), so that a good beginning
// does not hide a bad end. It may be looked at after each window: that it ever reaches
// 1/α has at most probability α where nothing is worse (Ville), as far as σ is what
// it is taken for. That is an estimate, of the same windows: of how many requests the
// means are of, of a prior that grows with how far the lines are apart, and of how d
// has jumped so far. So α is aimed at, not guaranteed; what comes of it was measured
// (docs/trials.md).
//
// Windows that overlap count for the part of them that is new. No window counts for
// more than a third of what is needed, so that an endpoint which dies does not decide
// alone; and for a tenth, if with the weights that are in force by now the tried
// line would do no worse: both have turned away from what hurt.
//
// Services are pooled twice: half of the evidence is the mean of that of each
// service (a mean of e-values is one whatever they share: Vovk and Wang, "E-values",
// 2021), in which one service of many that is badly hurt stands out, at the price of
// log(services); half is that of all requests together, in which a little harm
// everywhere does.
package trial
