//go:build cgo

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// deviceReaderOf is [readerOf] for memory of a GPU: the first line has its UUID.
const deviceReaderOf = "FRAMEPORT_E2E_DEVICE_READER_OF"

func startDevice(ids []string) *frameportv1.StreamBatchesRequest {
	r := startShared(ids)
	r.GetStart().Delivery = frameportv1.Delivery_DELIVERY_CUDA_IPC
	return r
}

// opened is a region of the worker's as another process has it.
type opened struct {
	device *gpu.Device
	memory *gpu.Imported
	stream *gpu.Stream
	pinned *gpu.Pinned
}

func openDevice(region *frameportv1.SharedRegion) (*opened, error) {
	driver, err := gpu.Open(gpu.LibraryConfig{Path: os.Getenv(gputest.PathVariable)})
	if err != nil {
		return nil, err
	}
	var o opened
	if o.device, err = driver.OpenDevice(region.GetDeviceUuid(), gpu.DeviceConfig{}); err != nil {
		return nil, err
	}
	if len(region.GetRawHandle()) != 64 || region.GetKind() != frameportv1.RegionKind_REGION_KIND_CUDA_IPC {
		return nil, errors.New(region.String())
	}
	if o.memory, err = o.device.OpenIPC([64]byte(region.GetRawHandle())); err != nil {
		return nil, err
	}
	if o.stream, err = o.device.NewStream(gpu.Use{}); err != nil {
		return nil, err
	}
	o.pinned, err = o.device.AllocPinned(int(region.GetSlotStride()), gpu.Use{})
	return &o, err
}

// read copies a tensor out of the GPU.
func (o *opened) read(at *frameportv1.SharedTensor) ([]byte, error) {
	n := int(at.GetByteSize())
	from := gpu.DevicePlane{Address: o.memory.Address() + gpu.Address(at.GetOffset()), Pitch: n}
	err := o.device.CopyToHost2D(o.stream, gpu.HostPlane{Memory: o.pinned, Pitch: n}, from, n, 1)
	return o.pinned.Bytes()[:n], errors.Join(err, o.stream.Synchronize())
}

func readDevice(of string) error {
	ids := strings.Split(of, ",")
	conn, err := grpc.NewClient(ids[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := frameportv1.NewFrameServiceClient(conn).StreamBatches(context.Background())
	if err != nil {
		return err
	}
	if err := stream.Send(startDevice(ids[1:])); err != nil {
		return err
	}
	hold := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(hold)
	}()
	var memory *opened
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if region := r.GetRegion(); region != nil {
			if memory, err = openDevice(region); err != nil {
				return err
			}
			fmt.Println(region.GetDeviceUuid())
			continue
		}
		b := r.GetBatch()
		data, err := memory.read(b.GetShared())
		if err != nil {
			return err
		}
		const each = readerWidth * readerHeight * 3
		for i, e := range b.GetEntries() {
			camera, picture, err := readRow(data[i*each:][:each], readerWidth, readerHeight)
			fmt.Println(e.GetCameraId(), camera, picture, err)
		}
		select {
		case <-hold:
			fmt.Println("held")
			select {} // until it is killed
		default:
		}
		if err := ackShared(stream, b); err != nil {
			return err
		}
	}
}
