package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/frameport/frameport/convert/gpuconv"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/jpeg/nvjpeg"
)

// site is one GPU with the engines that its cameras share.
type site struct {
	device    *gpu.Device
	kernels   *kernels.Set
	converter *gpuconv.Converter
	encoder   *nvjpeg.Encoder // nil: the CPU encodes
	noJPEG    error           // why
	// leftOver counts pictures that the CPU encoded although there is an encoder.
	leftOver atomic.Int64
	// regions is held while memory for batches is taken.
	regions sync.Mutex

	engines []closer // in the order of their construction
}

func (c *cuda) openSite(ctx context.Context, cfg Config, info gpu.DeviceInfo) (*site, error) {
	s := &site{}
	if err := s.open(ctx, cfg, c, info); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *site) open(ctx context.Context, cfg Config, c *cuda, info gpu.DeviceInfo) (err error) {
	s.device, err = c.driver.OpenDevice(info.UUID, gpu.DeviceConfig{
		Budget: cfg.MemoryBudget, Reserve: cfg.MemoryReserve, ProcessMemory: c.processMemory,
	})
	if err != nil {
		return err
	}
	s.engines = append(s.engines, s.device)
	if s.kernels, err = kernels.Load(s.device); err != nil {
		return err
	}
	s.engines = append(s.engines, s.kernels)
	// Whatever is wrong with nvJPEG, the CPU can encode; but a context that breaks
	// meanwhile, or a start that is called off, is not nvJPEG's.
	s.encoder, s.noJPEG = nvjpeg.New(ctx, nvjpeg.Config{Device: s.device, Library: gpu.LibraryConfig{Path: cfg.LibraryPath}})
	if s.noJPEG == nil {
		s.engines = append(s.engines, s.encoder)
	}
	if err := errors.Join(s.device.Health(), ctx.Err()); err != nil {
		return err
	}
	s.converter, err = gpuconv.New(gpuconv.Config{
		Device: s.device, Kernels: s.kernels, HostJPEG: s.encoder == nil, Account: cfg.Account,
	})
	if err != nil {
		return err
	}
	s.engines = append(s.engines, s.converter)
	if used := s.device.Ledger().Total().Bytes; cfg.MemoryBudget > 0 && used >= cfg.MemoryBudget {
		return fmt.Errorf("%w: %d MiB, and without any camera the worker takes %d MiB of %s: raise --gpu-memory-budget",
			errBudget, cfg.MemoryBudget>>20, used>>20, info)
	}
	return nil
}

// processMemory tells what this process has of a device's memory; see
// gpu.DeviceConfig.
func (c *cuda) processMemory(info gpu.DeviceInfo) (bytes int64, known bool) {
	if c.meter == nil {
		return 0, false
	}
	sample, err := c.meter.Sample(info.UUID)
	if err != nil {
		return 0, false
	}
	return sample.ProcessMemory.N, sample.ProcessMemory.Known
}

// parallel is what converter and encoder work on at a time, together.
func (s *site) parallel() int { return gpuconv.DefaultLanes + nvjpeg.DefaultStates }

// jpeg says what encodes JPEG.
func (s *site) jpeg() string {
	if s.encoder == nil {
		return "the CPU: " + oneLine(s.noJPEG)
	}
	l := s.encoder.Library()
	text := strings.TrimSpace("nvJPEG "+l.Version) + " in " + l.Path
	if n := s.leftOver.Load(); n > 0 {
		text += fmt.Sprintf("; it had no memory for %d pictures, or does not support them, and the CPU encoded those", n)
	}
	return text
}

// free is how much memory is left for cameras.
func (s *site) free() int64 {
	free, _, err := s.device.MemInfo()
	if err != nil {
		return 0
	}
	a := s.device.Admission().Stats()
	left := free - a.Reserve - a.Promised
	if a.Budget > 0 {
		left = min(left, a.Budget-a.Used-a.Promised)
	}
	return left
}

// watch returns when the GPU is lost, or nil when ctx ends. A call counts as hanging when
// it is seen twice: after a pause of the whole process, as of a frozen container, all
// calls are old and have only just gone on.
func (s *site) watch(ctx context.Context) error {
	tick := time.NewTicker(hang / 10)
	defer tick.Stop()
	seen := false
	for {
		select {
		case <-s.device.Lost():
			return fmt.Errorf("%s: %w", s.device.Info().Name, s.device.Health())
		case <-tick.C:
			since := s.device.Gate().Longest()
			if seen && since > hang {
				return fmt.Errorf("%s: %w: a call of the driver has not returned for %v",
					s.device.Info().Name, gpu.ErrDeviceLost, since.Round(time.Second))
			}
			seen = since > hang
		case <-ctx.Done():
			return nil
		}
	}
}

// Close frees the engines. While cameras hold anything of the GPU it frees nothing, and
// fails with [gpu.ErrLeak] and their names.
func (s *site) Close() (err error) {
	if len(s.engines) == 0 {
		return nil
	}
	cameras := slices.Sorted(maps.Keys(s.device.Ledger().Snapshot().ByOwner))
	if cameras = slices.DeleteFunc(cameras, shared); len(cameras) > 0 {
		return fmt.Errorf("%s: %w: decoders or frames of %s", s.device.Info(), gpu.ErrLeak, strings.Join(cameras, ", "))
	}
	s.engines, err = shut(s.engines)
	return err
}

// shared says whether an owner in the ledger is not a camera.
func shared(owner string) bool { return owner == "" }
