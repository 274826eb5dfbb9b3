// Package target reads what Prometheus' labels say of a target: of which service it
// is, what it is called, and whether requests can go to it. Files in Prometheus'
// format and a Prometheus server have these in common.
package target
