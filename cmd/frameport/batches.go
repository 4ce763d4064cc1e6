package main

import (
	"context"
	"iter"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/server"
)

// deviceBatches is the backend's memory of GPUs as the server wants it.
type deviceBatches struct {
	backend *backend.Backend
	tensors convert.Tensorer // of frames that are elsewhere
}

// newDeviceBatches returns nil where there is no GPU.
func newDeviceBatches(b *backend.Backend, tensors convert.Tensorer) server.DeviceBatches {
	if b.Choice.Kind != config.BackendCUDA {
		return nil
	}
	return deviceBatches{b, tensors}
}

// Create implements [server.DeviceBatches].
func (d deviceBatches) Create(ctx context.Context, slots int, stride int64, near iter.Seq[*frame.Frame]) (server.DeviceRegion, error) {
	r, err := d.backend.BatchRegion(ctx, slots, stride, near, d.tensors)
	if err != nil {
		return nil, err
	}
	return r, nil
}
