package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/media"
)

const namespace = "frameport"

// Cameras is where the metrics of cameras come from. *camera.Manager is one.
type Cameras interface {
	List() []camera.Snapshot
}

// cameraCollector makes the metrics of all cameras from one list of snapshots per
// scrape. A camera that is removed is in no later scrape.
type cameraCollector struct {
	source Cameras

	up, state, age, unchanged, received, published, bitrate, clockOffset, host, device *prometheus.Desc
	units, decoded, publishedTotal, corrupt, dropped, packets, lost, bytes             *prometheus.Desc
	attempts, reconnects, fault                                                        *prometheus.Desc
}

func newCameraCollector(source Cameras) *cameraCollector {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{"camera"}, more...), nil)
	}
	return &cameraCollector{
		source:         source,
		up:             desc("camera_up", "1 when the camera's frames flow (RUNNING or DEGRADED), else 0."),
		state:          desc("camera_state", "1 for the state that the camera is in.", "state"),
		fault:          desc("camera_fault", "1 for the class of the fault that the camera has now; absent without one.", "class"),
		age:            desc("frame_age_seconds", "Age of the newest frame; absent before the first."),
		unchanged:      desc("camera_unchanged_seconds", "How long the camera has been showing the same picture; absent when that is not known, as with a GPU."),
		received:       desc("camera_received_fps", "Access units received per second."),
		published:      desc("camera_decoded_fps", "Frames published per second."),
		bitrate:        desc("camera_bitrate_bits_per_second", "Bits of video received per second."),
		clockOffset:    desc("camera_clock_offset_seconds", "Camera's clock minus worker's; absent without RTCP sender reports."),
		host:           desc("camera_host_memory_bytes", "Host memory of the camera's frames and queue."),
		device:         desc("camera_gpu_memory_bytes", "GPU memory of the camera."),
		units:          desc("access_units_total", "Whole access units received."),
		decoded:        desc("frames_decoded_total", "Pictures that the decoder handed out."),
		publishedTotal: desc("frames_published_total", "Frames put into the ring."),
		corrupt:        desc("frames_corrupt_total", "Published frames that were flagged corrupt."),
		dropped:        desc("frames_dropped_total", "Access units and pictures that never became frames, by reason.", "reason"),
		packets:        desc("rtp_packets_received_total", "RTP packets of the video track received."),
		lost:           desc("rtp_packets_lost_total", "RTP packets of the video track that never came."),
		bytes:          desc("rtp_bytes_received_total", "Bytes of RTP packets of the video track received."),
		attempts:       desc("connect_attempts_total", "Attempts to connect, the first included."),
		reconnects:     desc("reconnects_total", "Sessions that delivered and were replaced by another one."),
	}
}

// Describe implements prometheus.Collector.
func (c *cameraCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.up, c.state, c.fault, c.age, c.unchanged, c.received, c.published, c.bitrate, c.clockOffset, c.host, c.device,
		c.units, c.decoded, c.publishedTotal, c.corrupt, c.dropped, c.packets, c.lost, c.bytes, c.attempts, c.reconnects,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *cameraCollector) Collect(ch chan<- prometheus.Metric) {
	now := failpoint.Now()
	for _, s := range c.source.List() {
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{s.ID}, labels...)...)
		}
		count := func(d *prometheus.Desc, v uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{s.ID}, labels...)...)
		}
		up := 0.0
		if s.State == camera.StateRunning || s.State == camera.StateDegraded {
			up = 1
		}
		gauge(c.up, up)
		gauge(c.state, 1, s.State.String())
		if s.Fault.Class != fault.None {
			gauge(c.fault, 1, s.Fault.Class.String())
		}
		if !s.LastFrame.IsZero() {
			gauge(c.age, now.Sub(s.LastFrame).Seconds())
		}
		if !s.UnchangedSince.IsZero() {
			gauge(c.unchanged, s.LastFrame.Sub(s.UnchangedSince).Seconds())
		}
		gauge(c.received, s.ReceivedFPS)
		gauge(c.published, s.DecodedFPS)
		gauge(c.bitrate, s.Bitrate)
		if s.Clock.Source == media.ClockRTCP {
			gauge(c.clockOffset, s.Clock.Offset.Seconds())
		}
		gauge(c.host, float64(s.Memory.Host))
		gauge(c.device, float64(s.Memory.Device.Decoder+s.Memory.Device.Ring+s.Memory.Device.Other))

		n := s.Counters
		count(c.units, n.AccessUnits)
		count(c.decoded, n.FramesDecoded)
		count(c.publishedTotal, n.FramesPublished)
		count(c.corrupt, n.FramesCorrupt)
		count(c.dropped, n.Dropped.Policy, "policy")
		count(c.dropped, n.Dropped.Network, "network")
		count(c.dropped, n.Dropped.Decode, "decode")
		count(c.dropped, n.DroppedQueue, "queue")
		count(c.packets, n.PacketsReceived)
		count(c.lost, n.PacketsLost)
		count(c.bytes, n.BytesReceived)
		count(c.attempts, n.ConnectAttempts)
		count(c.reconnects, n.Reconnects)
	}
}
