package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// TCP passes when address, host:port, accepts a connection.
func TCP(address string) Check {
	return Check{"tcp " + address, func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}}
}

// direct asks the endpoint itself, whatever proxy the environment names, and each
// time anew.
var direct = &http.Transport{DisableKeepAlives: true}

// HTTP passes when a GET of url is answered with a status from 200 to 399.
// Redirects are not followed: a redirect is an answer.
func HTTP(url string) Check {
	return Check{"http " + url, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		client := http.Client{Transport: direct, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		const enough = 64 << 10
		if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, enough)); err != nil {
			return err
		}
		if response.StatusCode < 200 || response.StatusCode > 399 {
			return fmt.Errorf("status %s; want 200 to 399", response.Status)
		}
		return nil
	}}
}

// GRPC passes when the endpoint's health service (grpc.health.v1) calls
// service SERVING; "" is the endpoint as a whole. Without credentials, nil, the
// connection is in plain text.
func GRPC(address, service string, credentials credentials.TransportCredentials) Check {
	if credentials == nil {
		credentials = insecure.NewCredentials()
	}
	return Check{"grpc " + address, func(ctx context.Context) error {
		connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials))
		if err != nil {
			return err
		}
		defer connection.Close()
		answer, err := grpc_health_v1.NewHealthClient(connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			return err
		}
		if answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			return fmt.Errorf("service %q is %v; want SERVING", service, answer.Status)
		}
		return nil
	}}
}
