package kservetest

import (
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/frameport/frameport/internal/kserve"
)

// memory is what is registered.
type memory struct {
	mu      sync.Mutex
	regions map[string]*region
}

type region struct {
	info   *kserve.SystemSharedMemoryStatusResponse_RegionStatus
	bytes  []byte // mapped; nil for memory of a GPU
	device Device // that memory, when it could be opened
	users  int    // requests that read it
}

// Device is memory of a GPU that was opened by its handle.
type Device interface {
	// Read copies a part of it. It may be called from many goroutines.
	Read(offset, size int64) ([]byte, error)
	Close() error
}

// open does what shm_open of glibc and mmap do.
func open(key string, offset, size uint64) ([]byte, error) {
	name := strings.TrimLeft(key, "/")
	if name == "" || strings.Contains(name, "/") {
		return nil, unix.EINVAL
	}
	fd, err := unix.Open("/dev/shm/"+name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if uint64(info.Size()) < offset+size {
		return nil, unix.ENXIO
	}
	return unix.Mmap(fd, int64(offset), int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// register adds a region: a device's, or what its key opens.
func (m *memory) register(info *kserve.SystemSharedMemoryStatusResponse_RegionStatus, device func() (Device, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.regions[info.GetName()] != nil {
		return status.Errorf(codes.AlreadyExists, "shared memory region '%s' already in manager", info.GetName())
	}
	r := &region{info: info}
	if device != nil {
		opened, err := device()
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "failed to open CUDA IPC handle: %v", err)
		}
		r.device = opened
	}
	if info.GetKey() != "" {
		bytes, err := open(info.GetKey(), info.GetOffset(), info.GetByteSize())
		if err != nil {
			return status.Errorf(codes.Internal, "Unable to open shared memory region: '%s': %v", info.GetKey(), err)
		}
		r.bytes = bytes
	}
	m.regions[info.GetName()] = r
	return nil
}

func (m *memory) unregister(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.regions[name]
	if r == nil {
		return nil
	}
	if r.users > 0 {
		return status.Errorf(codes.Internal, "Cannot unregister shared memory region '%s', it is currently in use.", name)
	}
	delete(m.regions, name)
	return r.unmap()
}

func (r *region) unmap() error {
	switch {
	case r.device != nil:
		return r.device.Close()
	case r.bytes == nil:
		return nil
	}
	return unix.Munmap(r.bytes)
}

// use returns a part of a region, which stays mapped until done is called; no bytes when it
// is memory of a GPU that can't be opened.
func (m *memory) use(name string, offset, size int64) (data []byte, done func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.regions[name]
	if r == nil {
		return nil, nil, status.Errorf(codes.NotFound, "Unable to find shared memory region: '%s'", name)
	}
	if offset < 0 || size < 0 || offset+size > int64(r.info.GetByteSize()) {
		return nil, nil, status.Errorf(codes.InvalidArgument, "Invalid offset + byte size for shared memory region: '%s'", name)
	}
	switch {
	case r.device != nil:
		if data, err = r.device.Read(offset, size); err != nil {
			return nil, nil, status.Error(codes.Internal, err.Error())
		}
	case r.bytes != nil:
		data = r.bytes[offset:][:size:size]
	}
	r.users++
	return data, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		r.users--
	}, nil
}

// forget unmaps everything, as a restart does. No request may be running.
func (m *memory) forget() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, r := range m.regions {
		delete(m.regions, name)
		if err := r.unmap(); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) names() (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.regions {
		out = append(out, name)
	}
	return out
}
