package http

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// watch sends messages as they come, each on a line of its own or, to who
// accepts text/event-stream, as an event. What a Watch may be resumed from is
// the id of a heartbeat: the life of the table, and its version.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request) {
	f := feed{w: w, control: http.NewResponseController(w), timeout: h.cfg.Timeout, events: strings.Contains(r.Header.Get("Accept"), "text/event-stream")}
	err := h.run("Watch", &stream{
		ctx:  h.context(r),
		recv: func(m any) error { return h.resume(r, m.(*fairwayv1.WatchRequest)) },
		head: func(m metadata.MD) { f.life = strings.Join(m.Get(api.Life), "") },
		send: func(m any) error { return f.send(m.(*fairwayv1.ServiceWeights)) },
	})
	f.end(err)
}

// resume reads the request. A Watch of another life of the table begins anew.
func (h *Handler) resume(r *http.Request, in *fairwayv1.WatchRequest) error {
	q, err := queryOf(r, "service", "resume")
	if err != nil {
		return err
	}
	in.Services = q["service"]
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = q.Get("resume")
	}
	life, version, _ := strings.Cut(from, "-")
	if from == "" || life != h.server.Life() {
		return nil
	}
	if in.ResumeVersion, err = strconv.ParseUint(version, 10, 64); err != nil {
		return api.Invalid("resume", "is not the id of a heartbeat, such as 1764241200000-1764241203000")
	}
	return nil
}

// feed writes the messages of one Watch.
type feed struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	events  bool
	begun   bool
	life    string
}

func (f *feed) send(m *fairwayv1.ServiceWeights) error {
	text, err := names.Marshal(m)
	if err != nil {
		return status.Errorf(codes.Internal, "the weights of %q cannot be written as JSON: %v", m.Service, err)
	}
	event, id := "weights", ""
	if m.Service == "" {
		event, id = "heartbeat", f.life+"-"+strconv.FormatUint(m.TableVersion, 10)
	}
	return f.put(event, id, text)
}

// put writes one message, which goes out at once.
func (f *feed) put(event, id string, text []byte) error {
	if !f.begun {
		f.begin()
	}
	_ = f.control.SetWriteDeadline(time.Now().Add(f.timeout)) // where the connection has one
	var out []byte
	if f.events {
		out = append(out, "event: "+event+"\n"...)
		if id != "" {
			out = append(out, "id: "+id+"\n"...)
		}
		out = append(out, "data: "...)
	}
	out = append(append(out, text...), '\n')
	if f.events {
		out = append(out, '\n')
	}
	if _, err := f.w.Write(out); err != nil {
		return status.Errorf(codes.Canceled, "the client is gone, or does not read: %v", err)
	}
	if err := f.control.Flush(); err != nil {
		return status.Errorf(codes.Canceled, "the client is gone, or does not read: %v", err)
	}
	return nil
}

func (f *feed) begin() {
	f.begun = true
	kind := "application/x-ndjson"
	if f.events {
		kind = "text/event-stream"
	}
	f.w.Header().Set("Content-Type", kind)
	f.w.Header().Set("Cache-Control", "no-store")
	f.w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it back
	f.w.Header().Set(api.Life, f.life)
}

// end tells why the Watch is over: as any error where nothing was sent yet.
func (f *feed) end(err error) {
	switch {
	case err == nil:
	case !f.begun:
		fail(f.w, err)
	case status.Code(err) != codes.Canceled:
		text := errorText(status.Convert(err))
		if !f.events {
			text = append(append([]byte(`{"error":`), text...), '}')
		}
		_ = f.put("error", "", text) // the client may be gone
	}
}
