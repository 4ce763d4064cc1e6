package backend

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/nvdec"
	"github.com/frameport/frameport/gpu"
)

// Before a camera's stream is known it is taken for a 720p one. What it really needs
// is reserved when its decoder is made.
const guessWidth, guessHeight = 1280, 720

// busy is the decoder load in percent from which a GPU is taken only when all others
// are as busy.
const busy = 90

// placement is a camera's place on a GPU: from its admission until it is gone, so that
// it comes back to the same GPU after every reconnect.
type placement struct {
	site        *site
	reservation *gpu.Reservation
	uses        int // specifications of the camera that rely on it
}

// Admit finds a place for a camera, as [camera.ManagerConfig] wants it.
func (b *Backend) Admit(id string, spec config.Camera) (release func(), err error) {
	if err := b.possible(spec.Backend, spec.Device); err != nil {
		return nil, err
	}
	if b.cuda == nil || spec.Backend == config.BackendCPU {
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.placed[id]; p != nil && slices.Contains(allowed, p.site) {
		p.uses++
		return c.leave(id, p), nil
	}
	var errs []error
	for _, s := range c.byPreference(allowed) {
		r, err := s.device.Admission().Reserve(estimate, id)
		if err == nil {
			p := &placement{site: s, reservation: r, uses: 1}
			c.placed[id] = p
			return c.leave(id, p), nil
		}
		if !errors.Is(err, gpu.ErrOutOfMemory) {
			return nil, fmt.Errorf("%w: %w", camera.ErrBackend, err)
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w; remove cameras, make their frames or rings smaller, raise --gpu-memory-budget, or set the camera's backend to CPU",
		camera.ErrNoRoom, errors.Join(errs...))
}

// leave returns what gives one use of a placement back.
func (c *cuda) leave(id string, p *placement) func() {
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if p.uses--; p.uses > 0 {
			return
		}
		_ = p.reservation.Close() // always nil
		if c.placed[id] == p {
			delete(c.placed, id)
		}
	}
}

// place is the GPU for a decoder: the one where the camera was admitted, or the best of
// those that are allowed.
func (c *cuda) place(id, device string) (*site, error) {
	allowed, err := c.candidates(device)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.placed[id]; p != nil && slices.Contains(allowed, p.site) {
		return p.site, nil
	}
	return c.byPreference(allowed)[0], nil
}

// byPreference orders GPUs: those with busy decoders last, then by cameras per decoder,
// then by memory that is left. c.mu is held.
func (c *cuda) byPreference(sites []*site) []*site {
	if len(sites) == 1 {
		return sites
	}
	type rank struct {
		site    *site
		busy    bool
		cameras float64 // per NVDEC engine
		free    int64
	}
	ranks := make([]rank, len(sites))
	for i, s := range sites {
		r := rank{site: s, free: s.free()}
		for _, p := range c.placed {
			if p.site == s {
				r.cameras++
			}
		}
		r.cameras /= float64(s.device.Engines())
		if c.meter != nil {
			sample, err := c.meter.Sample(s.device.Info().UUID)
			r.busy = err == nil && sample.Decoder.Known && sample.Decoder.Percent >= busy
		}
		ranks[i] = r
	}
	slices.SortStableFunc(ranks, func(a, b rank) int {
		return cmp.Or(compareBool(a.busy, b.busy), cmp.Compare(a.cameras, b.cameras), cmp.Compare(b.free, a.free))
	})
	out := make([]*site, len(ranks))
	for i, r := range ranks {
		out[i] = r.site
	}
	return out
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
