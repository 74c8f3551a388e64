package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/quaestor-kg/quaestor/api"
	"github.com/quaestor-kg/quaestor/api/sources"
)

// Options configures a Server.
type Options struct {
	Service *api.Service
	// Routes are further handlers by pattern of http.ServeMux: /sparql,
	// /graphql, the console at /.
	Routes map[string]http.Handler
	// AllowedHosts are names beside the loopback ones that Host may hold.
	AllowedHosts []string
	Logger       *slog.Logger
	DrainTimeout time.Duration
}

// Server is the HTTP service.
type Server struct {
	opt     Options
	svc     *api.Service
	sources *sources.Sources
	handler http.Handler
	ready   atomic.Bool
	metrics *metrics
}

// New builds the server.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 25 * time.Second
	}
	s := &Server{opt: o, svc: o.Service, sources: sources.New(o.Service.Options().Store, o.Service.Options().Writable)}
	s.ready.Store(true)
	s.metrics = newMetrics(s.svc)
	mux := http.NewServeMux()
	for pattern, h := range o.Routes {
		mux.Handle(pattern, s.route(pattern, h))
	}
	for pattern, h := range s.routes() {
		mux.Handle(pattern, s.route(pattern, h))
	}
	cop := http.NewCrossOriginProtection()
	cop.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, api.NewProblem("cross-site", "the request comes from another site"))
	}))
	s.handler = s.guard(cop.Handler(mux))
	return s
}

// ServeHTTP makes a Server usable in tests without a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Listen opens the listener. Without keys only loopback addresses are allowed:
// whoever reaches the port may read and, if enabled, write.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: want HOST:PORT such as 127.0.0.1:7878 (%w)", addr, err)
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("refusing to listen on %s: only loopback addresses are served without keys", addr)
	}
	return net.Listen("tcp", addr)
}

// Serve answers requests until ctx ends, then drains: it stops accepting,
// waits for running requests up to DrainTimeout, and cuts the rest.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	base, cut := context.WithCancel(context.Background())
	defer cut()
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(s.opt.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ready.Store(false)
	s.svc.Drain()
	grace, cancel := context.WithTimeout(context.Background(), s.opt.DrainTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		cut()
		err = srv.Close()
	}
	if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
		return e
	}
	return err
}

// requestID is what a client may send as Quaestor-Request.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// guard applies the rules that hold for every request.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Quaestor-Request")
		if !requestID.MatchString(id) {
			id = api.NewID()
		}
		h := w.Header()
		h.Set("Quaestor-Request", id)
		h.Set("X-Content-Type-Options", "nosniff")
		r.Header.Set("Quaestor-Request", id)
		defer s.recoverPanic(w, r)
		switch {
		case !s.hostAllowed(r.Host):
			WriteProblem(w, r, api.NewProblem("wrong-host", fmt.Sprintf("this service is not called %q", r.Host)))
		case len(r.URL.RequestURI()) > 16<<10:
			WriteProblem(w, r, api.NewProblem("too-large", "the address may have 16 KiB: send the query by POST"))
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate":
			WriteProblem(w, r, api.NewProblem("cross-site", "the request comes from another site"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// recoverPanic turns a panic into a problem; the service goes on.
// http.ErrAbortHandler is the way to cut a half-written answer and passes.
func (s *Server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(p)
	}
	s.opt.Logger.Error("request failed", "request", r.Header.Get("Quaestor-Request"), "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	WriteProblem(w, r, api.NewProblem("internal", ""))
}

// hostAllowed stops DNS rebinding: the Host must be a loopback name.
func (s *Server) hostAllowed(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsLoopback() {
		return true
	}
	for _, a := range s.opt.AllowedHosts {
		if strings.EqualFold(a, name) {
			return true
		}
	}
	return false
}

// route measures a handler under its pattern.
func (s *Server) route(pattern string, h http.Handler) http.Handler {
	_, path, ok := strings.Cut(pattern, " ")
	if !ok {
		path = pattern
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			s.metrics.requests.WithLabelValues(path, fmt.Sprint(rec.code)).Inc()
			s.metrics.seconds.WithLabelValues(path).Observe(time.Since(start).Seconds())
		}()
		h.ServeHTTP(rec, r)
	})
}

// recorder remembers the status code.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	answers  *prometheus.CounterVec
}

func newMetrics(svc *api.Service) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quaestor_http_requests_total", Help: "Requests by route and status code.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "quaestor_request_seconds", Help: "Time to answer by route.",
			Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 60},
		}, []string{"route"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quaestor_answers_total", Help: "Questions by outcome.",
		}, []string{"outcome"}),
	}
	triples := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quaestor_triples", Help: "Statements in the newest snapshot."}, func() float64 {
		snap, err := svc.Snapshot()
		if err != nil {
			return 0
		}
		defer snap.Close()
		return float64(snap.Size())
	})
	commit := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quaestor_commit_seq", Help: "Commit number of the newest snapshot."}, func() float64 {
		snap, err := svc.Snapshot()
		if err != nil {
			return 0
		}
		defer snap.Close()
		return float64(snap.Version())
	})
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "quaestor_running", Help: "Queries and questions that run now."}, func() float64 {
		return float64(len(svc.Running()))
	})
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "quaestor_build_info", Help: "Always 1; the version is the label.",
		ConstLabels: prometheus.Labels{"version": svc.Options().Build},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.requests, m.seconds, m.answers, triples, commit, running, build)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
