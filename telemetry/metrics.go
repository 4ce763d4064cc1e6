package telemetry

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is the worker's metrics, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	calls        *prometheus.CounterVec
	callTime     *prometheus.HistogramVec
	framesSent   *prometheus.CounterVec
	bytesSent    *prometheus.CounterVec
	framesShared *prometheus.CounterVec
	bytesShared  *prometheus.CounterVec
	slow         *prometheus.CounterVec
	leases       *prometheus.CounterVec
	refused      *prometheus.CounterVec
	decode       prometheus.Histogram
	wait         prometheus.Histogram
	encode       prometheus.Histogram
	scrapeErrors *slog.Logger
}

// NewMetrics returns metrics with those of the process and the Go runtime. Version
// and backend are shown in frameport_build_info.
func NewMetrics(version, backend string, logger *slog.Logger) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	// From a tenth of a millisecond to a second and a half.
	buckets := prometheus.ExponentialBuckets(0.0001, 2.5, 11)
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls:    counter("grpc_calls_total", "gRPC calls that have ended, by method and status code.", "method", "code"),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "grpc_call_duration_seconds",
			Help: "Time that gRPC calls took, streams included.", Buckets: prometheus.ExponentialBuckets(0.001, 10, 7),
		}, []string{"method"}),
		framesSent:   counter("frames_sent_total", "Frames handed to clients, by gRPC method or HTTP route.", "route"),
		bytesSent:    counter("frame_bytes_sent_total", "Bytes of pictures handed to clients, by gRPC method or HTTP route.", "route"),
		framesShared: counter("frames_shared_total", "Frames leased to clients where they lie, without a copy, by gRPC method.", "route"),
		bytesShared:  counter("frame_bytes_shared_total", "Bytes of frames leased to clients where they lie, by gRPC method.", "route"),
		slow:         counter("slow_consumers_total", "Streams that were ended because their client did not read, by gRPC method or HTTP route.", "route"),
		leases:       counter("leases_expired_total", "Leases of shared memory that a client did not ack in time, by gRPC method.", "route"),
		refused:      counter("calls_refused_total", "Calls and requests that were refused for who made them, by reason.", "reason"),
		decode: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "decode_duration_seconds", Help: "Time to decode one access unit.", Buckets: buckets,
		}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "decode_wait_seconds", Help: "Time that one access unit waited to be decoded.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
		}),
		encode: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "render_duration_seconds", Help: "Time to convert and encode one picture.", Buckets: buckets,
		}),
		scrapeErrors: logger,
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "backend": backend},
	})
	info.Set(1)
	m.registry.MustRegister(info, m.calls, m.callTime, m.framesSent, m.bytesSent, m.framesShared, m.bytesShared, m.slow, m.leases, m.refused, m.decode, m.wait, m.encode,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Cameras adds the metrics of all cameras, read from source at each scrape.
func (m *Metrics) Cameras(source Cameras) { m.registry.MustRegister(newCameraCollector(source)) }

// Gauge adds a metric whose value is read at each scrape. The name comes without the
// prefix "frameport_".
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Counter is Gauge for a value that never falls; its name ends in "_total".
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// CallDone counts a gRPC call that has ended; code is the status code's name.
func (m *Metrics) CallDone(method, code string, took time.Duration) {
	m.calls.WithLabelValues(method, code).Inc()
	m.callTime.WithLabelValues(method).Observe(took.Seconds())
}

// FrameSent counts a frame that was handed to a client.
func (m *Metrics) FrameSent(route string, bytes int) {
	m.framesSent.WithLabelValues(route).Inc()
	m.bytesSent.WithLabelValues(route).Add(float64(bytes))
}

// FrameShared counts a frame that was leased to a client where it lies.
func (m *Metrics) FrameShared(route string, bytes int) {
	m.framesShared.WithLabelValues(route).Inc()
	m.bytesShared.WithLabelValues(route).Add(float64(bytes))
}

// SlowConsumer counts a stream that was ended because of its client.
func (m *Metrics) SlowConsumer(route string) { m.slow.WithLabelValues(route).Inc() }

// LeasesExpired counts leases of shared memory that a client did not ack in time.
func (m *Metrics) LeasesExpired(route string, n int) { m.leases.WithLabelValues(route).Add(float64(n)) }

// Refused counts a call that was refused for who made it.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Decoded notes the time that decoding one access unit took.
func (m *Metrics) Decoded(took time.Duration) { m.decode.Observe(took.Seconds()) }

// Waited notes the time that one access unit waited to be decoded.
func (m *Metrics) Waited(d time.Duration) { m.wait.Observe(d.Seconds()) }

// Rendered notes the time that making one picture took.
func (m *Metrics) Rendered(took time.Duration) { m.encode.Observe(took.Seconds()) }

// Handler serves the metrics in the formats that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.scrapeErrors.Handler(), slog.LevelError),
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}
