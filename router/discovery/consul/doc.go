// Package consul finds services in HashiCorp Consul's catalog, and their instances'
// health, by blocking queries: an answer comes when something has changed.
//
// An instance is an endpoint. What Consul's checks say together is its state: passing
// and warning are ready, critical is not ready, and one in maintenance drains.
//
//	subset   the service's meta subset or version; a tag subset=…, version=… or like v2
//	zone     the service's meta zone, its locality or its node's; the node's meta zone
//	labels   the service's meta, and tags of the form name=value
//
// The servers' own service consul and what is no service but a proxy of one are left
// out. Requests go to the instance's own port, not to a sidecar's.
//
// Prometheus' package discovery/consul and HashiCorp's client beneath it are not used:
// the first sleeps for 15 s whatever becomes of its context and tells failures to its
// log alone, the second brings a logger, a metrics library and some ten modules for
// what are two GET requests. As documented:
// https://developer.hashicorp.com/consul/api-docs/features/blocking
// https://developer.hashicorp.com/consul/api-docs/catalog#list-services
// https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service
package consul
