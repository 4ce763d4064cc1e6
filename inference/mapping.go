package inference

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/internal/kserve"
	"github.com/frameport/frameport/internal/shm"
)

// Region is memory for the server to map: a file of shared memory or, with a handle,
// memory of a GPU.
type Region struct {
	// Name is never used twice.
	Name  string
	Bytes uint64
	File  *shm.Region
	// Handle are the 64 bytes of a CUipcMemHandle, Device the index of its GPU.
	Handle []byte
	Device int64
}

// Mapping is a region that the server has mapped, until Close.
type Mapping struct {
	server *Server
	region Region

	mu    sync.Mutex
	round int // how many times it was registered
}

// Map has the server map a region. The errors are [ErrUnavailable], [ErrRefused], and those
// of [shm.Region.Link]. The mapping is to be closed also when it fails: the server may have
// mapped the region, and its answer was lost.
func (s *Server) Map(ctx context.Context, r Region) (*Mapping, error) {
	m := &Mapping{server: s, region: r}
	return m, m.again(ctx, 0)
}

// again registers the region, unless somebody else has done so since the given round.
func (m *Mapping) again(ctx context.Context, round int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.round != round {
		return nil
	}
	if err := m.register(ctx); err != nil {
		return err
	}
	m.round++
	return nil
}

func (m *Mapping) current() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.round
}

func (m *Mapping) register(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, m.server.timeout)
	defer cancel()
	err := m.send(call)
	switch {
	case err == nil, status.Code(err) == codes.AlreadyExists: // an answer was lost
		return nil
	case errors.Is(err, shm.ErrElsewhere), errors.Is(err, shm.ErrLost):
		return err
	case status.Code(err) == codes.Unavailable && m.server.Ready(ctx) == nil:
		// It answers, so that is what it says of shared memory.
		return fmt.Errorf("%w: %s", ErrRefused, brief(status.Convert(err).Message()))
	default:
		return classify(ctx, err, ErrRefused)
	}
}

func (m *Mapping) send(call context.Context) error {
	if m.region.Handle != nil {
		_, err := m.server.client.CudaSharedMemoryRegister(call, &kserve.CudaSharedMemoryRegisterRequest{
			Name: m.region.Name, RawHandle: m.region.Handle, DeviceId: m.region.Device, ByteSize: m.region.Bytes,
		})
		return err
	}
	link, err := m.region.File.Link(shm.Names)
	if err != nil {
		return err
	}
	_, err = m.server.client.SystemSharedMemoryRegister(call, &kserve.SystemSharedMemoryRegisterRequest{
		Name: m.region.Name, Key: link.Key(), ByteSize: m.region.Bytes,
	})
	if rerr := link.Remove(); err == nil {
		return rerr
	}
	return err
}

// unregisterRetry is the time between attempts to unregister a region that the server
// still uses for a request that was given up.
const unregisterRetry = 50 * time.Millisecond

// Close has the server unmap the region, until ctx ends. A server that does not know it any
// more, maps nothing, or can't be reached, is no error: what a server has mapped ends with
// it.
func (m *Mapping) Close(ctx context.Context) error {
	retry := time.NewTicker(unregisterRetry)
	defer retry.Stop()
	for {
		err := m.unregister(ctx)
		switch status.Code(err) {
		case codes.OK, codes.NotFound, codes.Unavailable, codes.Unimplemented:
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("inference server %s keeps region %s of %d bytes: %s", m.server.name, m.region.Name, m.region.Bytes, brief(status.Convert(err).Message()))
		}
	}
}

func (m *Mapping) unregister(ctx context.Context) error {
	if m.region.Handle != nil {
		_, err := m.server.client.CudaSharedMemoryUnregister(ctx, &kserve.CudaSharedMemoryUnregisterRequest{Name: m.region.Name})
		return err
	}
	_, err := m.server.client.SystemSharedMemoryUnregister(ctx, &kserve.SystemSharedMemoryUnregisterRequest{Name: m.region.Name})
	return err
}

// forgotten says whether a request failed because the server does not know the region. Its
// name is random, so that no other error has it.
func (m *Mapping) forgotten(err error) bool {
	return status.Code(err) != codes.OK && strings.Contains(status.Convert(err).Message(), m.region.Name)
}
