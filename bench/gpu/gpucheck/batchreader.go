package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/testvideo"
)

// batchReader is the process of a model: it opens the region once and takes the address
// of each batch.
type batchReader struct {
	lab    *lab
	stream frameportv1.FrameService_StreamBatchesClient
	memory *gpu.Imported
	work   *gpu.Stream
	pinned *gpu.Pinned // a row

	handOff
	offs, makes, reads []time.Duration
}

// seenBytes are read of each row at first and again before the ack.
const seenBytes = 64

// settled is how long the reader waits before it gives a credit: all cameras have a new
// frame then.
const settled = 80 * time.Millisecond

// runReader prints a handOff as JSON.
func runReader(ctx context.Context, b bundle, address, batches, ids string) (err error) {
	n, err := strconv.Atoi(batches)
	if err != nil {
		return err
	}
	l, err := openLab(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	r := &batchReader{lab: l}
	if r.stream, err = frameportv1.NewFrameServiceClient(conn).StreamBatches(ctx); err != nil {
		return err
	}
	if err := r.open(strings.Split(ids, ",")); err != nil {
		return err
	}
	for i := 0; i < n && err == nil; i++ {
		err = r.batch(ctx, i)
	}
	// Before the stream ends, and with it the memory.
	if err := errors.Join(err, r.pinned.Close(), r.work.Close(), r.memory.Close(), r.stream.CloseSend()); err != nil {
		return err
	}
	r.HandOff, r.Made, r.Read = timesOf(r.offs), timesOf(r.makes), timesOf(r.reads)
	return json.NewEncoder(os.Stdout).Encode(r.handOff)
}

// open begins the stream, without a credit, and opens its memory.
func (r *batchReader) open(ids []string) error {
	none := int32(0)
	if err := r.stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Start{Start: &frameportv1.StreamBatchesStart{
		CameraIds: ids, Delivery: frameportv1.Delivery_DELIVERY_CUDA_IPC, MaxBatchSize: int32(len(ids)), Credits: &none,
		Tensor: &frameportv1.TensorSpec{Width: 640, Height: 640},
	}}}); err != nil {
		return err
	}
	m, err := r.stream.Recv()
	if err != nil {
		return err
	}
	region := m.GetRegion()
	if len(region.GetRawHandle()) != 64 || region.GetDeviceUuid() != r.lab.device.Info().UUID {
		return fmt.Errorf("the region %v is not on this GPU, %s", region, r.lab.device.Info().UUID)
	}
	start := time.Now()
	if r.memory, err = r.lab.device.OpenIPC([64]byte(region.GetRawHandle())); err != nil {
		return err
	}
	r.Open = milliseconds(time.Since(start))
	use := gpu.Use{Purpose: gpu.PurposeOther}
	if r.work, err = r.lab.device.NewStream(use); err != nil {
		return errors.Join(err, r.memory.Close())
	}
	if r.pinned, err = r.lab.device.AllocPinned(rowBytes, use); err != nil {
		return errors.Join(err, r.work.Close(), r.memory.Close())
	}
	return nil
}

// batch takes one batch. Of the i-th, the i-th entry is read whole.
func (r *batchReader) batch(ctx context.Context, i int) error {
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return ctx.Err()
	}
	granted := time.Now()
	if err := r.stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Credits{Credits: 1}}); err != nil {
		return err
	}
	m, err := r.stream.Recv()
	if err != nil {
		return err
	}
	b := m.GetBatch()
	at := r.memory.Address() + gpu.Address(b.GetShared().GetOffset())
	ready := time.Now()
	sent := b.GetSentTime().AsTime()
	r.offs, r.makes = append(r.offs, ready.Sub(sent)), append(r.makes, sent.Sub(granted))
	r.Batches++
	r.Entries += len(b.GetEntries())

	first, err := r.look(b, at)
	if err != nil {
		return err
	}
	r.reads = append(r.reads, time.Since(ready))
	whole := i % len(b.GetEntries())
	if err := r.row(at, whole, b.GetEntries()[whole]); err != nil {
		fmt.Fprintln(os.Stderr, "row of", b.GetEntries()[whole].GetCameraId(), err)
	} else {
		r.Codes++
	}
	again, err := r.look(b, at)
	if err != nil {
		return err
	}
	for n := range b.GetEntries() {
		if !bytes.Equal(first[n*seenBytes:][:seenBytes], again[n*seenBytes:][:seenBytes]) {
			r.Changed++
		}
	}
	return r.stream.Send(&frameportv1.StreamBatchesRequest{Request: &frameportv1.StreamBatchesRequest_Ack{
		Ack: &frameportv1.LeaseAck{LeaseId: b.GetShared().GetLeaseId()},
	}})
}

const rowBytes = 3 * 640 * 640 * 4

// look copies the middle of each row: a letterbox's border would never change.
func (r *batchReader) look(b *frameportv1.Batch, at gpu.Address) ([]byte, error) {
	n := len(b.GetEntries())
	from := gpu.DevicePlane{Address: at + rowBytes/6, Pitch: rowBytes}
	err := r.lab.device.CopyToHost2D(r.work, gpu.HostPlane{Memory: r.pinned, Pitch: seenBytes}, from, seenBytes, n)
	err = errors.Join(err, r.work.Synchronize())
	return bytes.Clone(r.pinned.Bytes()[:n*seenBytes]), err
}

// row copies a row and reads the bar code in its picture.
func (r *batchReader) row(at gpu.Address, i int, e *frameportv1.BatchEntry) error {
	from := gpu.DevicePlane{Address: at + gpu.Address(i*rowBytes), Pitch: rowBytes}
	err := r.lab.device.CopyToHost2D(r.work, gpu.HostPlane{Memory: r.pinned, Pitch: rowBytes}, from, rowBytes, 1)
	if err := errors.Join(err, r.work.Synchronize()); err != nil {
		return err
	}
	to := e.GetTransform()
	top, height := int(-to.GetOffsetY()/to.GetScaleY()), int(float64(e.GetSourceHeight())/to.GetScaleY())
	if top < 0 || height < 1 || top+height > 640 {
		return fmt.Errorf("rows %d to %d of 640", top, top+height)
	}
	grey := make([]byte, 640*height) // of the channel red
	for i := range grey {
		v := math.Float32frombits(binary.LittleEndian.Uint32(r.pinned.Bytes()[4*(640*top+i):]))
		grey[i] = uint8(max(0, min(255, v*255+0.5)))
	}
	_, _, err = testvideo.ReadBarcodeLuma(grey, 640, height, 640)
	return err
}
