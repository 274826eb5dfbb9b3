// Package sim is a simulated mesh: proxies that pick endpoints for requests
// that arrive whatever becomes of the earlier ones, endpoints with workers and
// queues, and metrics that are seen only through scrapes. It runs in virtual
// time, one event after the other, and equal seeds give equal results.
package sim
