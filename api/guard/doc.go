// Package guard stands before the decision API: who calls, whether they may, and
// how much of it.
//
// Who calls is found once for each connection, at its handshake. A call then
// costs a look into a map and one atomic addition; no lock is taken and nothing
// is allocated unless it is refused. Refusals are gRPC statuses with
// google.rpc.ErrorInfo of domain "fairway.v1" and, where it helps to try again,
// RetryInfo.
package guard
