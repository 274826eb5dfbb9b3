package guard

import (
	"errors"
	"fmt"
	"time"
)

// Limits are what one identity, and all together, may take. The defaults are
// beyond what one busy proxy needs.
type Limits struct {
	// Rate is how many messages a second an identity may send: calls, and
	// messages of its streams. Burst is how many at once; 0 is what Rate brings
	// in a second.
	Rate  float64 `yaml:"rate"`
	Burst int     `yaml:"burst"`
	// Streams and Connections are how many an identity may have open.
	Streams     int `yaml:"streams"`
	Connections int `yaml:"connections"`
	// AllConnections is how many there may be in all, and Handshakes how many
	// of which it is not known yet who they are.
	AllConnections int `yaml:"all_connections"`
	Handshakes     int `yaml:"handshakes"`
	// MessageBytes and HeaderBytes bound one message and the headers of one call.
	MessageBytes int `yaml:"message_bytes"`
	HeaderBytes  int `yaml:"header_bytes"`
	// HandshakeTimeout ends connections that do not say who they are, or do not
	// begin to speak HTTP/2.
	HandshakeTimeout time.Duration `yaml:"handshake_timeout"`
	// IdleTimeout ends connections without calls. MaxAge asks connections to be
	// made anew, so that nobody stays for longer than a certificate lives;
	// calls have MaxAgeGrace to end.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	MaxAge      time.Duration `yaml:"max_age"`
	MaxAgeGrace time.Duration `yaml:"max_age_grace"`
	// Ping is the silence after which a peer is asked whether it is still there,
	// and PingTimeout how long it may take to say so. MinPing is the least time
	// between the pings of a client.
	Ping        time.Duration `yaml:"ping"`
	PingTimeout time.Duration `yaml:"ping_timeout"`
	MinPing     time.Duration `yaml:"min_ping"`
	// Adaptive has identities judged by what they do, as Access.Threats says; false
	// is the mode off there. Refuse is the former name of hold there.
	Adaptive bool          `yaml:"adaptive"`
	Refuse   time.Duration `yaml:"refuse"`
}

// DefaultLimits let one proxy at full speed, and a stream for each of ten
// thousand of its connections, pass.
func DefaultLimits() Limits {
	return Limits{
		Rate: 1e6, Streams: 20_000, Connections: 4096, AllConnections: 16_384, Handshakes: 1024,
		MessageBytes: 4 << 20, HeaderBytes: 64 << 10, HandshakeTimeout: 5 * time.Second,
		IdleTimeout: 30 * time.Minute, MaxAge: 24 * time.Hour, MaxAgeGrace: time.Hour,
		Ping: 30 * time.Second, PingTimeout: 10 * time.Second, MinPing: 5 * time.Second,
		Adaptive: true,
	}
}

// Validate reports everything that is out of range.
func (l Limits) Validate() error {
	var errs []error
	if !(l.Rate > 0 && l.Rate <= 1e12) {
		errs = append(errs, fmt.Errorf("limits: rate is %v; want more than 0, at most 1e12 messages/s", l.Rate))
	}
	if l.Burst < 0 || l.Burst > 1<<30 {
		errs = append(errs, fmt.Errorf("limits: burst is %d; want 0 to 1073741824", l.Burst))
	}
	for _, n := range []struct {
		name string
		n    int
	}{
		{"streams", l.Streams}, {"connections", l.Connections}, {"all_connections", l.AllConnections},
		{"handshakes", l.Handshakes}, {"message_bytes", l.MessageBytes}, {"header_bytes", l.HeaderBytes},
	} {
		if n.n < 1 || n.n > 1<<30 {
			errs = append(errs, fmt.Errorf("limits: %s is %d; want 1 to 1073741824", n.name, n.n))
		}
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{
		{"handshake_timeout", l.HandshakeTimeout}, {"idle_timeout", l.IdleTimeout}, {"max_age", l.MaxAge}, {"max_age_grace", l.MaxAgeGrace},
		{"ping", l.Ping}, {"ping_timeout", l.PingTimeout}, {"min_ping", l.MinPing},
	} {
		if d.d <= 0 {
			errs = append(errs, fmt.Errorf("limits: %s is %v; want more than 0, such as 30s", d.name, d.d))
		}
	}
	return errors.Join(errs...)
}

// burst is how many messages may come at once.
func (l *Limits) burst() int64 {
	if l.Burst > 0 {
		return int64(l.Burst)
	}
	return int64(min(max(l.Rate, 1), 1<<30))
}
