package prom

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// technology is a situation of one technology and what its schema makes of it,
// in the window at 60 s, which describes (20 s, 50 s].
type technology struct {
	schema   string
	notation string
	service  string
	want     map[string]map[string]float64 // endpoint, series
	subset   string                        // of the first endpoint
}

// classic is a histogram of 4 observations a second, half of them up to 0.1 s,
// all up to 0.3 s, 0.2 s on average. scale is how many of its units make a
// second.
func classic(metric, labels string, scale float64) string {
	return fmt.Sprintf(`
		%[1]s_bucket{%[2]s,le="%[3]v"} 1000+20x8
		%[1]s_bucket{%[2]s,le="%[4]v"} 2000+40x8
		%[1]s_bucket{%[2]s,le="+Inf"} 2000+40x8
		%[1]s_sum{%[2]s} %[5]v+%[6]vx8
		%[1]s_count{%[2]s} 2000+40x8`, metric, labels, 0.1*scale, 0.3*scale, 400*scale, 8*scale)
}

// nativeHistogram has 4 observations a second between 2^(offset−1) and
// 2^offset of its unit, 0.75 × 2^offset on average.
func nativeHistogram(metric, labels string, offset int) string {
	sum := 0.75 * math.Pow(2, float64(offset))
	return fmt.Sprintf(`
		%[1]s{%[2]s} {{schema:0 count:400 sum:%[3]v offset:%[5]d buckets:[400]}}+{{schema:0 count:40 sum:%[4]v offset:%[5]d buckets:[40]}}x8`,
		metric, labels, 400*sum, 40*sum, offset)
}

// toldClassically are the latencies of a classic histogram; toldNatively those of a native
// one, in seconds if one second is scale.
var toldClassically = map[string]float64{mesh.LatencyMean: 0.2, mesh.LatencyP50: 0.1, mesh.LatencyP90: 0.26, mesh.LatencyP99: 0.296}

func toldNatively(offset int, scale float64) map[string]float64 {
	low := math.Pow(2, float64(offset-1)) / scale
	return map[string]float64{mesh.LatencyMean: 1.5 * low,
		mesh.LatencyP50: low * math.Pow(2, 0.5), mesh.LatencyP90: low * math.Pow(2, 0.9), mesh.LatencyP99: low * math.Pow(2, 0.99)}
}

// with joins what is wanted of an endpoint.
func with(base map[string]float64, more ...map[string]float64) map[string]float64 {
	all := map[string]float64{}
	for _, m := range append([]map[string]float64{base}, more...) {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// pods is what Kubernetes and the scrape tell of a pod: 0.3 cores of two
// containers, of 1.5 that it may use, 300 MB.
func pods(namespace, pod string) string {
	l := fmt.Sprintf(`namespace="%s",pod="%s"`, namespace, pod)
	return fmt.Sprintf(`
		container_cpu_usage_seconds_total{%[1]s,container="app"} 100+2x8
		container_cpu_usage_seconds_total{%[1]s,container="proxy"} 100+1x8
		container_cpu_usage_seconds_total{%[1]s} 200+3x8
		container_memory_working_set_bytes{%[1]s,container="app"} 2e8x8
		container_memory_working_set_bytes{%[1]s,container="proxy"} 1e8x8
		container_memory_working_set_bytes{%[1]s} 3e8x8
		kube_pod_container_resource_limits{%[1]s,container="app",resource="cpu",unit="core"} 1x8
		kube_pod_container_resource_limits{%[1]s,container="proxy",resource="cpu",unit="core"} 0.5x8
		kube_pod_container_resource_limits{%[1]s,container="app",resource="memory",unit="byte"} 5e8x8
		up{%[1]s,job="pods"} 1x8
		up{job="elsewhere",instance="node-of-%[2]s-%[3]s"} 1x8`, l, namespace, pod)
}

var podsTold = map[string]float64{mesh.CPU: 0.3, mesh.Memory: 3e8, mesh.Utilization: 0.2, mesh.Up: 1}

// idle is an endpoint whose series exist and do not move.
var idle = map[string]float64{mesh.RequestRate: 0, mesh.ErrorRatio: math.NaN()}

func istioPod(pod, version string) string {
	return fmt.Sprintf(`reporter="destination",destination_service="reviews.default.svc.cluster.local",destination_service_name="reviews",destination_service_namespace="default",destination_workload="reviews-%[2]s",destination_version="%[2]s",source_workload="productpage-v1",request_protocol="http",namespace="default",pod="%[1]s",instance="10.244.0.7:15020",job="kubernetes-pods"`, pod, version)
}

func istioNotation(histogram func(labels string) string) string {
	a, b := istioPod("reviews-v1-abc", "v1"), istioPod("reviews-v2-xyz", "v2")
	return fmt.Sprintf(`
		istio_requests_total{%[1]s,response_code="200",response_flags="-",grpc_response_status=""} 1000+30x8
		istio_requests_total{%[1]s,response_code="200",response_flags="-",grpc_response_status="0"} 1000+2x8
		istio_requests_total{%[1]s,response_code="200",response_flags="-",grpc_response_status="14"} 1000+3x8
		istio_requests_total{%[1]s,response_code="200",response_flags="-",grpc_response_status="5"} 1000+1x8
		istio_requests_total{%[1]s,response_code="503",response_flags="UC",grpc_response_status=""} 1000+4x8
		istio_requests_total{%[2]s,response_code="200",response_flags="-",grpc_response_status=""} 1000x8
		istio_requests_total{%[3]s,response_code="200"} 1000+40x8`, a, b,
		strings.NewReplacer(`"destination"`, `"source"`, `pod="reviews-v1-abc"`, `pod="productpage-v1-q"`).Replace(a)) +
		histogram(a) + pods("default", "reviews-v1-abc") + pods("default", "reviews-v2-xyz") + pods("kube-system", "reviews-v1-abc")
}

const linkerdPod = `direction="outbound",authority="web-svc.emojivoto:80",dst_service="web-svc",dst_namespace="emojivoto",dst_deployment="web",dst_pod="web-%s",tls="true",namespace="emojivoto",pod="vote-bot-%s",deployment="vote-bot"`

func linkerdNotation(histogram func(labels string) string) string {
	a, other, b := fmt.Sprintf(linkerdPod, "1", "1"), fmt.Sprintf(linkerdPod, "1", "2"), fmt.Sprintf(linkerdPod, "2", "1")
	return fmt.Sprintf(`
		request_total{%[1]s} 1000+25x8
		request_total{%[2]s} 1000+15x8
		request_total{%[3]s} 1000x8
		request_total{direction="inbound",namespace="emojivoto",pod="web-1",deployment="web"} 1000+40x8
		response_total{%[1]s,classification="success",status_code="200"} 1000+25x8
		response_total{%[2]s,classification="success",status_code="200"} 1000+13x8
		response_total{%[2]s,classification="failure",status_code="500"} 1000+2x8
		response_total{%[3]s,classification="success",status_code="200"} 1000x8`, a, other, b) +
		histogram(a) + pods("emojivoto", "web-1")
}

func consulNotation(histogram func(labels string) string) string {
	a := `consul_source_service="b",consul_source_datacenter="dc1",envoy_http_conn_manager_prefix="public_listener",local_cluster="b",namespace="shop",pod="b-66cb-6z2dg",instance="10.244.0.25:20200",job="kubernetes-pods"`
	b := strings.NewReplacer(`pod="b-66cb-6z2dg",`, "", "0.25", "0.26", `namespace="shop",`, "").Replace(a)
	return fmt.Sprintf(`
		envoy_http_downstream_rq_total{%[1]s} 1000+40x8
		envoy_http_downstream_rq_total{%[2]s} 1000x8
		envoy_http_downstream_rq_total{%[3]s} 1000+99x8
		envoy_http_downstream_rq_xx{%[1]s,envoy_response_code_class="2"} 1000+30x8
		envoy_http_downstream_rq_xx{%[1]s,envoy_response_code_class="5"} 1000+10x8
		envoy_http_downstream_rq_xx{%[2]s,envoy_response_code_class="2"} 1000x8
		envoy_http_downstream_rq_active{%[1]s} 1 2 3 4 5 6
		up{instance="10.244.0.26:20200",job="kubernetes-pods"} 0x8
		envoy_cluster_upstream_cx_active{consul_destination_service="b",envoy_cluster_name="b.default.dc1.internal"} 1x8`,
		a, b, strings.Replace(a, "public_listener", "envoy_prometheus_metrics", 1)) + histogram(a) + pods("shop", "b-66cb-6z2dg")
}

func otelNotation(counted, labels string) string {
	return counted + fmt.Sprintf(`
		http_server_active_requests{%[1]s} 1 2 3 4 5 6
		target_info{%[1]s,service_name="cart"} 1x8
		up{%[1]s} 1x8`, labels)
}

const (
	otelPod = `job="shop/cart",instance="cart-7d9-1",http_request_method="GET",http_route="/cart"`
	oldPod  = `job="shop/cart",instance="cart-7d9-1",http_method="GET",http_route="/cart"`
	rpcPod  = `job="shop/cart",instance="cart-7d9-1",rpc_system="grpc",rpc_service="shop.Cart",rpc_method="Add"`
	grpcPod = `job="cart",instance="10.1.0.4:9090",grpc_type="unary",grpc_service="shop.Cart",grpc_method="Add"`
)

var technologies = []technology{
	{
		schema: "istio", service: "reviews.default.svc.cluster.local", subset: "v1",
		notation: istioNotation(func(l string) string { return classic("istio_request_duration_milliseconds", l, 1000) }),
		want: map[string]map[string]float64{
			"reviews-v1-abc": with(toldClassically, podsTold, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 7.0 / 40}),
			"reviews-v2-xyz": with(idle, podsTold),
		},
	},
	{
		schema: "istio", service: "reviews.default.svc.cluster.local", subset: "v1",
		notation: istioNotation(func(l string) string { return nativeHistogram("istio_request_duration_milliseconds", l, 7) }),
		want: map[string]map[string]float64{
			"reviews-v1-abc": with(toldNatively(7, 1000), map[string]float64{mesh.RequestRate: 4}),
		},
	},
	{
		schema: "istio-workload", service: "pay.shop.svc.cluster.local", subset: "v2",
		notation: `
			istio_requests_total{reporter="waypoint",destination_service="pay.shop.svc.cluster.local",destination_workload="pay-v2",destination_version="v2",response_code="200",pod="waypoint-1",namespace="shop"} 1000+30x8
			istio_requests_total{reporter="waypoint",destination_service="pay.shop.svc.cluster.local",destination_workload="pay-v2",destination_version="v2",response_code="503",pod="waypoint-1",namespace="shop"} 1000+10x8
			istio_tcp_connections_opened_total{reporter="source",destination_service="pay.shop.svc.cluster.local",destination_workload="pay-v2",destination_version="v2",pod="ztunnel-x"} 100+5x8
			istio_tcp_connections_opened_total{reporter="destination",destination_service="pay.shop.svc.cluster.local",destination_workload="pay-v2",destination_version="v2",pod="ztunnel-y"} 100+5x8` +
			classic("istio_request_duration_milliseconds", `reporter="waypoint",destination_service="pay.shop.svc.cluster.local",destination_workload="pay-v2",destination_version="v2"`, 1000),
		want: map[string]map[string]float64{"pay-v2": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, "connection_rate": 0.5})},
	},
	{
		schema: "envoy", service: "backend",
		notation: `
			envoy_cluster_endpoint_rq_total{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 1000+25x8
			envoy_cluster_endpoint_rq_total{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-2:9901"} 1000+15x8
			envoy_cluster_endpoint_rq_success{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 1000+30x8
			envoy_cluster_endpoint_rq_error{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 1000+10x8
			envoy_cluster_endpoint_rq_active{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 1 2 3 4 5 6
			envoy_cluster_endpoint_cx_connect_fail{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 10+1x8
			envoy_cluster_endpoint_healthy{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-1:9901"} 0x8
			envoy_cluster_endpoint_healthy{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.1:8080",instance="envoy-2:9901"} 1x8
			envoy_cluster_endpoint_rq_total{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.2:8080",instance="envoy-1:9901"} 5x8
			envoy_cluster_endpoint_rq_success{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.2:8080",instance="envoy-1:9901"} 5x8
			envoy_cluster_endpoint_rq_error{envoy_cluster_name="backend",envoy_endpoint_address="10.0.0.2:8080",instance="envoy-1:9901"} 0x8`,
		want: map[string]map[string]float64{
			"10.0.0.1:8080": {mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, mesh.InFlight: 5, mesh.Up: 1, "connection_error_rate": 0.1},
			"10.0.0.2:8080": idle,
		},
	},
	{
		schema: "accesslog", service: "shop",
		notation: `
			accesslog_requests_total{service="shop",endpoint="s1",code="2xx"} 1000+30x8
			accesslog_requests_total{service="shop",endpoint="s1",code="4xx"} 1000+3x8
			accesslog_requests_total{service="shop",endpoint="s1",code="5xx"} 1000+5x8
			accesslog_requests_total{service="shop",endpoint="s1",code="none"} 1000+2x8
			accesslog_in_flight_requests{service="shop",endpoint="s1"} 1 2 3 4 5 6
			accesslog_requests_total{service="shop",endpoint="s2",code="2xx"} 1000x8
			accesslog_requests_total{service="shop",endpoint="s2",code="5xx"} 0x8` + classic("accesslog_request_duration_seconds", `service="shop",endpoint="s1"`, 1),
		want: map[string]map[string]float64{
			"s1": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.175, mesh.InFlight: 5}),
			"s2": idle,
		},
	},
	{
		schema: "linkerd", service: "web-svc.emojivoto",
		notation: linkerdNotation(func(l string) string { return classic("response_latency_ms", l, 1000) }),
		want: map[string]map[string]float64{
			"web-1": with(toldClassically, podsTold, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.05}),
			"web-2": idle,
		},
	},
	{
		schema: "linkerd", service: "web-svc.emojivoto",
		notation: linkerdNotation(func(l string) string { return nativeHistogram("response_latency_ms", l, 7) }),
		want:     map[string]map[string]float64{"web-1": with(toldNatively(7, 1000), map[string]float64{mesh.RequestRate: 4})},
	},
	{
		schema: "consul", service: "b",
		notation: consulNotation(func(l string) string { return classic("envoy_http_downstream_rq_time", l, 1000) }),
		want: map[string]map[string]float64{
			"b-66cb-6z2dg":      with(toldClassically, podsTold, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, mesh.InFlight: 5}),
			"10.244.0.26:20200": with(idle, map[string]float64{mesh.Up: 0}),
		},
	},
	{
		schema: "consul", service: "b",
		notation: consulNotation(func(l string) string { return nativeHistogram("envoy_http_downstream_rq_time", l, 7) }),
		want:     map[string]map[string]float64{"b-66cb-6z2dg": toldNatively(7, 1000)},
	},
	{
		schema: "grpc", service: "cart",
		notation: fmt.Sprintf(`
			grpc_server_started_total{%[1]s} 1003+40x8
			grpc_server_started_total{job="cart",instance="10.1.0.4:9090",grpc_type="unary",grpc_service="grpc.health.v1.Health",grpc_method="Check"} 1000+10x8
			grpc_server_handled_total{%[1]s,grpc_code="OK"} 900+30x8
			grpc_server_handled_total{%[1]s,grpc_code="NotFound"} 50+4x8
			grpc_server_handled_total{%[1]s,grpc_code="Unavailable"} 50+6x8
			up{job="cart",instance="10.1.0.4:9090"} 1x8
			up{job="cart",instance="10.1.0.5:9090"} 1x8
			up{job="other",instance="10.1.0.4:9090"} 0x8`, grpcPod) + classic("grpc_server_handling_seconds", grpcPod, 1) +
			classic("grpc_server_handling_seconds", strings.Replace(grpcPod, "unary", "bidi_stream", 1), 1000),
		want: map[string]map[string]float64{"10.1.0.4:9090": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.15, mesh.InFlight: 3, mesh.Up: 1})},
	},
	{
		schema: "grpc", service: "shop/cart",
		notation: `
			grpc_server_call_started_total{job="cart",namespace="shop",pod="cart-1",instance="10.1.0.4:9464",grpc_method="shop.Cart/Add"} 2403+40x8` +
			nativeHistogram("grpc_server_call_duration_seconds", `job="cart",namespace="shop",pod="cart-1",instance="10.1.0.4:9464",grpc_method="shop.Cart/Add",grpc_status="OK"`, 1) +
			pods("shop", "cart-1") + `
			up{job="cart",namespace="shop",pod="cart-1",instance="10.1.0.4:9464"} 1x8`,
		want: map[string]map[string]float64{"cart-1": with(toldNatively(1, 1), podsTold, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0, mesh.InFlight: 2003})},
	},
	{
		schema: "grpc", service: "cart",
		notation: `
			grpc_server_call_started_total{job="cart",instance="10.1.0.4:9464",grpc_method="shop.Cart/Add"} 4000+80x8` +
			classic("grpc_server_call_duration_seconds", `job="cart",instance="10.1.0.4:9464",grpc_method="shop.Cart/Add",grpc_status="OK"`, 1) +
			classic("grpc_server_call_duration_seconds", `job="cart",instance="10.1.0.4:9464",grpc_method="shop.Cart/Add",grpc_status="DEADLINE_EXCEEDED"`, 1),
		want: map[string]map[string]float64{"10.1.0.4:9464": with(toldClassically, map[string]float64{mesh.RequestRate: 8, mesh.ErrorRatio: 0.5, mesh.InFlight: 0})},
	},
	{
		schema: "otel", service: "shop/cart",
		notation: otelNotation(classic("http_server_request_duration_seconds", otelPod+`,http_response_status_code="200"`, 1)+
			classic("http_server_request_duration_seconds", otelPod+`,http_response_status_code="500",error_type="500"`, 1)+
			classic("http_server_request_duration_seconds", otelPod+`,error_type="timeout"`, 1), `job="shop/cart",instance="cart-7d9-1"`),
		want: map[string]map[string]float64{"cart-7d9-1": with(toldClassically, map[string]float64{mesh.RequestRate: 12, mesh.ErrorRatio: 2.0 / 3, mesh.InFlight: 5, mesh.Up: 1})},
	},
	{
		schema: "otel", service: "shop/cart",
		notation: nativeHistogram("http_server_request_duration_seconds", otelPod+`,http_response_status_code="200",service_name="cart",k8s_namespace_name="shop",k8s_pod_name="cart-1"`, 0) +
			nativeHistogram("http_server_request_duration_seconds", otelPod+`,http_response_status_code="503",service_name="cart",k8s_namespace_name="shop",k8s_pod_name="cart-1"`, 0) + pods("shop", "cart-1") + `
			up{job="shop/cart",namespace="shop",pod="cart-1"} 1x8`,
		want: map[string]map[string]float64{"cart-1": with(toldNatively(0, 1), podsTold, map[string]float64{mesh.RequestRate: 8, mesh.ErrorRatio: 0.5})},
	},
	{
		schema: "otel", service: "shop/cart",
		notation: otelNotation(classic("http_server_duration_milliseconds", oldPod+`,http_status_code="200"`, 1000)+
			classic("http_server_duration_milliseconds", oldPod+`,http_status_code="502"`, 1000), `job="shop/cart",instance="cart-7d9-1"`),
		want: map[string]map[string]float64{"cart-7d9-1": with(toldClassically, map[string]float64{mesh.RequestRate: 8, mesh.ErrorRatio: 0.5})},
	},
	{
		schema: "otel-rpc", service: "shop/cart",
		notation: classic("rpc_server_duration_milliseconds", rpcPod+`,rpc_grpc_status_code="0"`, 1000) +
			classic("rpc_server_duration_milliseconds", rpcPod+`,rpc_grpc_status_code="13"`, 1000) +
			classic("rpc_server_duration_milliseconds", rpcPod+`,rpc_grpc_status_code="3"`, 1000),
		want: map[string]map[string]float64{"cart-7d9-1": with(toldClassically, map[string]float64{mesh.RequestRate: 12, mesh.ErrorRatio: 1.0 / 3})},
	},
	{
		schema: "otel-rpc", service: "shop/cart",
		notation: nativeHistogram("rpc_server_call_duration_seconds", `job="shop/cart",instance="cart-7d9-1",rpc_system_name="grpc",rpc_method="shop.Cart/Add",rpc_response_status_code="OK"`, -2) +
			nativeHistogram("rpc_server_call_duration_seconds", `job="shop/cart",instance="cart-7d9-1",rpc_system_name="grpc",rpc_method="shop.Cart/Add",rpc_response_status_code="INTERNAL"`, -2),
		want: map[string]map[string]float64{"cart-7d9-1": with(toldNatively(-2, 1), map[string]float64{mesh.RequestRate: 8, mesh.ErrorRatio: 0.5})},
	},
}

// coarse are the technologies that name no endpoints.
var coarse = []technology{
	{
		schema: "traefik", service: "whoami@docker",
		notation: `
			traefik_service_requests_total{service="whoami@docker",code="200",method="GET",protocol="http"} 1000+30x8
			traefik_service_requests_total{service="whoami@docker",code="502",method="GET",protocol="http"} 1000+10x8
			traefik_service_server_up{service="whoami@docker",url="http://10.0.0.1:80"} 1x8
			traefik_service_server_up{service="whoami@docker",url="http://10.0.0.2:80"} 0x8` +
			classic("traefik_service_request_duration_seconds", `service="whoami@docker",code="200",method="GET",protocol="http"`, 1),
		want: map[string]map[string]float64{"whoami@docker": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, "servers_up_ratio": 0.5})},
	},
	{
		schema: "nginx-ingress", service: "shop/cart",
		notation: `
			nginx_ingress_controller_requests{namespace="ingress-nginx",service="ingress-nginx-metrics",exported_namespace="shop",exported_service="cart",ingress="shop",status="200",canary=""} 1000+30x8
			nginx_ingress_controller_requests{namespace="ingress-nginx",service="ingress-nginx-metrics",exported_namespace="shop",exported_service="cart",ingress="shop",status="5xx",canary=""} 1000+10x8` +
			classic("nginx_ingress_controller_response_duration_seconds", `namespace="shop",service="cart",ingress="shop",status="200"`, 1),
		want: map[string]map[string]float64{"shop/cart": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.25})},
	},
	{
		schema: "caddy", service: "srv0",
		notation: classic("caddy_http_request_duration_seconds", `server="srv0",handler="subroute",code="200",method="GET"`, 1) +
			classic("caddy_http_request_duration_seconds", `server="srv0",handler="subroute",code="502",method="GET"`, 1) +
			classic("caddy_http_request_duration_seconds", `server="srv0",handler="reverse_proxy",code="200",method="GET"`, 1) + `
			caddy_http_requests_in_flight{server="srv0",handler="subroute"} 1 2 3 4 5 6
			caddy_reverse_proxy_upstreams_healthy{upstream="127.0.0.1:9001"} 1x8`,
		want: map[string]map[string]float64{"srv0": with(toldClassically, map[string]float64{mesh.RequestRate: 8, mesh.ErrorRatio: 0.5, mesh.InFlight: 5})},
	},
	{
		schema: "envoy-cluster", service: "backend",
		notation: `
			envoy_cluster_upstream_rq_total{envoy_cluster_name="backend"} 1000+40x8
			envoy_cluster_upstream_rq_xx{envoy_cluster_name="backend",envoy_response_code_class="2"} 1000+30x8
			envoy_cluster_upstream_rq_xx{envoy_cluster_name="backend",envoy_response_code_class="5"} 1000+10x8
			envoy_cluster_upstream_rq_active{envoy_cluster_name="backend"} 1 2 3 4 5 6
			envoy_cluster_membership_healthy{envoy_cluster_name="backend"} 1x8
			envoy_cluster_membership_total{envoy_cluster_name="backend"} 2x8` + classic("envoy_cluster_upstream_rq_time", `envoy_cluster_name="backend"`, 1000),
		want: map[string]map[string]float64{"backend": with(toldClassically, map[string]float64{mesh.RequestRate: 4, mesh.ErrorRatio: 0.25, mesh.InFlight: 5, "healthy_ratio": 0.5})},
	},
	{
		schema: "envoy-cluster", service: "outbound|9080||reviews",
		notation: `
			envoy_cluster_upstream_rq_total{cluster_name="outbound|9080||reviews"} 1000+40x8
			envoy_cluster_upstream_rq{cluster_name="outbound|9080||reviews",response_code_class="2xx"} 1000+30x8
			envoy_cluster_upstream_rq{cluster_name="outbound|9080||reviews",response_code_class="5xx"} 1000+10x8`,
		want: map[string]map[string]float64{"outbound|9080||reviews": {mesh.RequestRate: 4, mesh.ErrorRatio: 0.25}},
	},
}

func TestSchemasOfTechnologies(t *testing.T) {
	for i, c := range append(technologies, coarse...) {
		t.Run(fmt.Sprintf("%02d %s", i, c.schema), func(t *testing.T) {
			s, ok := Builtin(c.schema)
			if !ok {
				t.Fatal("no such schema")
			}
			var w *mesh.Window
			for _, x := range gather(t, histories(t, c.notation), s, at(60)) {
				if x.Service == c.service {
					w = &x
				} else {
					t.Errorf("service %q, which is none", x.Service)
				}
			}
			if w == nil {
				t.Fatalf("no window of %s", c.service)
			}
			for endpoint, series := range c.want {
				i := w.Find(endpoint)
				if i < 0 {
					t.Errorf("no endpoint %s among %v", endpoint, w.Endpoints)
					continue
				}
				for name, want := range series {
					if s.Index(name) < 0 {
						t.Errorf("the schema has no %s", name)
					}
					near(t, endpoint+" "+name, w.At(i, name), want)
				}
			}
			if c.subset != "" && w.Endpoints[0].Subset != c.subset {
				t.Errorf("subset %q, want %q", w.Endpoints[0].Subset, c.subset)
			}
		})
	}
}
