//go:build cgo

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// readerOf names the variable that makes this program a reader of shared memory: its
// value is a worker's address and the cameras, with commas between. It writes a line with
// the region's file and one for each row that it reads: the camera's id, and what the
// picture says of itself. When its standard input says so it does not ack any more.
const readerOf = "FRAMEPORT_E2E_READER_OF"

const readerWidth, readerHeight = 640, 360

func readShared(of string) error {
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
	if err := stream.Send(startShared(ids[1:])); err != nil {
		return err
	}
	hold := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(hold)
	}()
	var memory []byte
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if region := r.GetRegion(); region != nil {
			if memory, err = mapShared(region); err != nil {
				return err
			}
			fmt.Println(region.GetKey())
			continue
		}
		b := r.GetBatch()
		data := memory[b.GetShared().GetOffset():][:b.GetShared().GetByteSize()]
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

func startShared(ids []string) *frameportv1.StreamBatchesRequest {
	return &frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
		CameraIds: ids, Delivery: frameportv1.Delivery_DELIVERY_SHARED_MEMORY,
		Tensor: &frameportv1.TensorSpec{
			Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Layout: frameportv1.TensorLayout_TENSOR_LAYOUT_NHWC,
			Width: readerWidth, Height: readerHeight,
		},
	}}}
}

func mapShared(region *frameportv1.SharedRegion) ([]byte, error) {
	f, err := os.Open(region.GetKey())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return syscall.Mmap(int(f.Fd()), int64(region.GetOffset()), int(region.GetByteSize()), syscall.PROT_READ, syscall.MAP_SHARED)
}

// ackShared gives a batch back and asks for the next one.
func ackShared(stream frameportv1.FrameService_StreamBatchesClient, b *frameportv1.Batch) error {
	if err := stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Ack{
		Ack: &frameportv1.LeaseAck{LeaseId: b.GetShared().GetLeaseId()},
	}}); err != nil {
		return err
	}
	return stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}})
}

// readRow reads one picture of a tensor of bytes, NHWC, by its bar code.
func readRow(row []byte, width, height int) (camera, picture int, err error) {
	return ReadPicture(&frameportv1.Frame{
		Format: frameportv1.ImageFormat_IMAGE_FORMAT_RGB24, Width: int32(width), Height: int32(height), Data: row,
		Planes: []*frameportv1.Plane{{Stride: int32(3 * width), Height: int32(height)}},
	})
}
