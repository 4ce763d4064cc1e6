package backend

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/gpu"
)

// Before a camera's stream is known it is taken for a 720p one. What it really needs
// is reserved when its decoder is made.
const guessWidth, guessHeight = 1280, 720

// busyPercent is the decoder load from which a GPU is taken only when all others are as
// busy.
const busyPercent = 90

// placement is a camera's place on a GPU for one specification: from its admission until
// that is gone, so that the camera comes back to the same GPU after every reconnect.
type placement struct {
	site *site
	room *gpu.Reservation // shared by the camera's placements on this GPU
}

// Admit finds a place for a camera, as [camera.ManagerConfig] wants it.
func (b *Backend) Admit(id string, spec config.Camera) (release func(), err error) {
	if err := b.possible(spec.Backend, spec.Device); err != nil {
		return nil, err
	}
	if b.isolated != nil {
		b.isolated.Forgive(id) // it is new, or has changed
	}
	if b.cuda == nil || spec.Backend == config.BackendCPU || spec.Decode.Mode == config.DecodeNone {
		return func() {}, nil
	}
	return b.cuda.admit(id, spec)
}

// possible says why a camera can't be decoded as its specification asks, with an
// error that wraps [camera.ErrBackend].
func (b *Backend) possible(kind config.BackendKind, device string) error {
	switch {
	case b.cuda == nil && kind == config.BackendCUDA:
		return fmt.Errorf("%w: the camera asks for CUDA, and this worker decodes on the CPU: %s; set its backend to AUTO or CPU", camera.ErrBackend, b.Choice.Reason)
	case b.cuda == nil && device != "":
		return fmt.Errorf("%w: the camera asks for device %q, and this worker decodes on the CPU; leave device empty: %s",
			camera.ErrBackend, device, b.Choice.Reason)
	case b.cuda != nil && device != "" && kind != config.BackendCPU:
		_, err := b.cuda.candidates(device)
		return err
	}
	return nil
}

// candidates are the GPUs that a specification allows.
func (c *cuda) candidates(device string) ([]*site, error) {
	if device == "" {
		return c.sites, nil
	}
	var have []string
	for _, s := range c.sites {
		info := s.device.Info()
		if strings.EqualFold(info.UUID, device) || strconv.Itoa(info.Ordinal) == device {
			return []*site{s}, nil
		}
		have = append(have, fmt.Sprintf("%d is %s (%s)", info.Ordinal, info.UUID, info.Name))
	}
	return nil, fmt.Errorf("%w: no device %q is in use: %s", camera.ErrBackend, device, strings.Join(have, ", "))
}

func (c *cuda) admit(id string, spec config.Camera) (release func(), err error) {
	allowed, err := c.candidates(spec.Device)
	if err != nil {
		return nil, err
	}
	estimate := nvdec.Estimate(guessWidth, guessHeight, spec.Frame.RingSize, decoder.Output{
		MaxWidth: spec.Frame.MaxWidth, MaxHeight: spec.Frame.MaxHeight,
	})
	busy := c.busy(allowed)
	c.mu.Lock()
	defer c.mu.Unlock()
	// A changed specification keeps the room that was found: what it needs more, or
	// less, its decoder reserves.
	if p := c.current(id, allowed); p != nil {
		return c.settle(id, &placement{site: p.site, room: p.room}), nil
	}
	var errs severalErrors
	for _, s := range c.byPreference(allowed, busy) {
		room, err := s.device.Admission().Reserve(estimate, id)
		if err == nil {
			return c.settle(id, &placement{site: s, room: room}), nil
		}
		if !errors.Is(err, gpu.ErrOutOfMemory) {
			return nil, fmt.Errorf("%w: %w", camera.ErrBackend, err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.device.Info(), err))
	}
	return nil, fmt.Errorf("%w: %w (--gpu-memory-budget), or set the camera's backend to CPU",
		camera.ErrNoRoom, errs)
}

// current is where a camera is, if that is on an allowed GPU. c.mu is held.
func (c *cuda) current(id string, allowed []*site) *placement {
	for _, p := range slices.Backward(c.placed[id]) {
		if slices.Contains(allowed, p.site) {
			return p
		}
	}
	return nil
}

// settle notes a placement and returns what ends it. c.mu is held.
func (c *cuda) settle(id string, p *placement) (leave func()) {
	c.placed[id] = append(c.placed[id], p)
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		rest := slices.DeleteFunc(c.placed[id], func(q *placement) bool { return q == p })
		if c.placed[id] = rest; len(rest) == 0 {
			delete(c.placed, id)
		}
		if !slices.ContainsFunc(rest, func(q *placement) bool { return q.room == p.room }) {
			_ = p.room.Close() // always nil
		}
	})
}

// place is the GPU for a decoder: the one where the camera was admitted, or the best of
// those that are allowed.
func (c *cuda) place(id, device string) (*site, error) {
	allowed, err := c.candidates(device)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	p := c.current(id, allowed)
	c.mu.Unlock()
	if p != nil {
		return p.site, nil
	}
	busy := c.busy(allowed)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPreference(allowed, busy)[0], nil
}

// busy tells which GPUs' decoders are, if there is a choice. It asks NVML, which may take
// its time: c.mu is not held.
func (c *cuda) busy(sites []*site) map[*site]bool {
	if len(sites) == 1 || c.meter == nil {
		return nil
	}
	busy := make(map[*site]bool)
	for _, s := range sites {
		sample, err := c.meter.Sample(s.device.Info().UUID)
		busy[s] = err == nil && sample.Decoder.Known && sample.Decoder.Percent >= busyPercent
	}
	return busy
}

// byPreference orders GPUs by [rank]. c.mu is held.
func (c *cuda) byPreference(sites []*site, busy map[*site]bool) []*site {
	if len(sites) == 1 {
		return sites
	}
	cameras := make(map[*site]int)
	for _, placed := range c.placed {
		cameras[placed[len(placed)-1].site]++
	}
	ranks := make(map[*site]rank)
	for _, s := range sites {
		ranks[s] = rank{busy: busy[s], cameras: cameras[s], engines: s.device.Engines(), free: s.free()}
	}
	return slices.SortedStableFunc(slices.Values(sites), func(a, b *site) int { return ranks[a].compare(ranks[b]) })
}

// rank is what decides between GPUs.
type rank struct {
	busy             bool
	cameras, engines int
	free             int64 // bytes
}

// compare is negative when r is the better one: not busy, then fewer cameras per NVDEC
// engine, then more memory left.
func (r rank) compare(o rank) int {
	if r.busy != o.busy {
		if r.busy {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(r.cameras*o.engines, o.cameras*r.engines), cmp.Compare(o.free, r.free))
}
