//go:build cgo

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/frameport/frameport/api/client"
	"github.com/frameport/frameport/internal/testvideo"
)

// framesReaderOf makes this program a reader of a camera's frames in shared memory: its
// value is a worker's address and the camera. It writes the region's file and a line for
// each frame: epoch and sequence of the lease, the pictures that were lost before it, and
// the camera and the picture that the pixels tell. When its standard input ends, it keeps
// all frames that it gets.
const framesReaderOf = "FRAMEPORT_E2E_FRAMES_OF"

// framesLeases is how many frames it may hold.
const framesLeases = 4

func readFrames(of string) error {
	address, id, _ := strings.Cut(of, ",")
	worker, err := client.Dial(address)
	if err != nil {
		return err
	}
	defer worker.Close()
	hold := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(hold)
	}()
	file, held := "", 0
	for f, err := range worker.Share(context.Background(), id, client.ShareOptions{MaxLeases: framesLeases, Lease: time.Minute}) {
		if err != nil {
			return err
		}
		if file == "" {
			file = f.Region.GetKey()
			fmt.Println(file)
		}
		camera, picture, err := testvideo.ReadBarcodeLuma(f.Planes[0], int(f.Region.GetWidth()), int(f.Region.GetHeight()), int(f.Region.GetPlanes()[0].GetStride()))
		if err == nil && !f.Valid() {
			err = fmt.Errorf("the slot was written to")
		}
		if err != nil {
			return fmt.Errorf("frame %d/%d: %w", f.GetEpoch(), f.GetSequence(), err)
		}
		s := f.GetSkipped()
		fmt.Println(f.GetEpoch(), f.GetSequence(), s.GetPolicy()+s.GetNetwork()+s.GetDecode(), camera, picture)
		select {
		case <-hold:
			f.Keep()
			if held++; held == framesLeases {
				fmt.Println("held")
				select {} // until it is killed
			}
		default:
		}
	}
	return nil
}
