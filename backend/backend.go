package backend

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/decoder/isolated"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/shm"
	"github.com/frameport/frameport/jpeg"
)

// ErrUnavailable marks a backend that was asked for by name and can't be had.
var ErrUnavailable = errors.New("backend not available")

// Choice says which backend was taken and why.
type Choice struct {
	Requested config.BackendKind
	Kind      config.BackendKind
	// Reason is one sentence for people.
	Reason string
	// Notes are what works less well than it could, for people: an encoder that is
	// missing, a GPU that is left out.
	Notes []string
}

// Config says what to build.
type Config struct {
	Kind config.BackendKind
	// LibraryPath are folders where the driver's libraries are looked for first,
	// separated as in PATH.
	LibraryPath string
	// MemoryBudget bounds what is used of each GPU, in bytes; 0 = no limit.
	MemoryBudget int64
	// MemoryReserve stays free on each GPU, in bytes; 0 = gpu.DefaultReserve,
	// negative = nothing.
	MemoryReserve int64
	// CPUFallback is how many cameras the CPU takes over because the GPU can't decode
	// their streams; 0 = four per processor, negative = none.
	CPUFallback int
	// Isolation is how many cameras share a child process that decodes on the CPU for
	// them; 0 = the CPU decodes in this process. Programs that set it end with the status
	// of [DecoderProcess] when [IsDecoderProcess] says so.
	Isolation int
	// Logger is told what becomes of such processes; may be nil.
	Logger *slog.Logger
	// Account is where frames are booked; may be nil.
	Account *frame.Account
	// Regions is where decoders on the CPU make frames that other processes map; nil =
	// they make none. It is closed after the backend, and after all frames.
	Regions *shm.Folder
}

// Backend decodes, converts and encodes for all cameras of the process.
type Backend struct {
	Choice Choice
	// Converter and Encoder take frames of every decoder that NewDecoder makes.
	Converter Converter
	Encoder   jpeg.Encoder

	regions  *shm.Folder
	shared   decoder.SharedPictures
	isolated *isolated.Host // nil: the CPU decodes in this process
	cuda     *cuda          // nil: there is the CPU only
	takeover *takeover      // with cuda
	engines  []closer       // in the order of their construction
}

type closer interface{ Close() error }

// New builds the backend that cfg.Kind asks for. AUTO takes the best one that works;
// asking for one by name fails with [ErrUnavailable] and the reason. It may take
// seconds where there is a GPU.
func New(ctx context.Context, cfg Config) (*Backend, error) {
	b := &Backend{Choice: Choice{Requested: cfg.Kind}, regions: cfg.Regions}
	err := b.build(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Close frees the shared engines. Decoders must have been closed, and frames released,
// before: otherwise it fails with what is left, and may be called again without.
func (b *Backend) Close() (err error) {
	b.engines, err = shut(b.engines)
	return err
}

// shut closes engines, the last one first. It returns those of which something is
// still in use, to be closed again.
func shut(engines []closer) (left []closer, err error) {
	var errs []error
	for _, e := range slices.Backward(engines) {
		err := e.Close()
		if errors.Is(err, gpu.ErrLeak) {
			left = append(left, e)
		}
		errs = append(errs, err)
	}
	slices.Reverse(left)
	return left, errors.Join(errs...)
}

// Parallel is how many pictures can usefully be made at a time; 0 = as many as there
// are processors.
func (b *Backend) Parallel() int {
	if b.cuda == nil {
		return 0
	}
	return b.cuda.parallel()
}

// SharedPictures are how many pictures of cameras on the CPU were decoded where other
// processes map them, and how many were to be and were not.
func (b *Backend) SharedPictures() (inPlace, elsewhere uint64) {
	return b.shared.InPlace.Load(), b.shared.Elsewhere.Load()
}

// DeviceMemory is what a camera holds of the GPUs' memory.
func (b *Backend) DeviceMemory(id string) (m camera.DeviceMemory) {
	if b.cuda == nil {
		return m
	}
	return b.cuda.memoryOf(id)
}

// Watch returns nil when ctx ends, or why the process must end: a GPU's context is
// broken for good, or its driver hangs. The GPU's frames, and everything else made of
// it, must not be used then, not even to be closed.
func (b *Backend) Watch(ctx context.Context) error {
	if b.cuda == nil {
		<-ctx.Done()
		return nil
	}
	return b.cuda.watch(ctx)
}
