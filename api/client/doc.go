// Package client asks fairway daemons for decisions, or decides locally from
// the weights that they send as they change.
//
// It always answers, and says what the answer rests on (From): the daemon; the
// weights that it sent, within their time to live; after that, equal weights
// within each subset; and of a service that no daemon ever spoke of, the
// endpoints that the Config names. A pick never waits. Decide waits for a
// daemon for at most Config.Deadline, and then decides as a pick does.
//
// What local decisions lack: the daemon finds the traffic class of a request
// that names none, which changes no route; and while a change of model or rules
// is on trial the daemon keeps each session to one line, where a local pick
// draws from the mixture of both.
package client
