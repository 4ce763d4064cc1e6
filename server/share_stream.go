package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/decoder"
	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/internal/failpoint"
	"github.com/frameport/frameport/server/mapping"
)

// shareStream is what ShareFrames sends: one camera's newest frame, where it lies. A
// lease holds its frame, so nobody can write to its memory while it lasts.
type shareStream struct {
	stream
	id   string
	kind frameportv1.RegionKind // that the client wants; UNSPECIFIED = any
	most int                    // leases at a time
	send func(*frameportv1.ShareFramesResponse) error

	feed    Feed    // that is asked for shared frames
	unshare func()  // takes that back
	holder  *holder // among the camera's

	unplaced bool   // the newest frame lies where nobody else can map it
	lost     int    // frames in a row that nobody else can see any more
	told     string // region that the client knows
}

// mostLost is how many frames in a row may lie in a region that was lost: more than any
// decoder holds back, so the next one should have been there long before.
const mostLost = 64

// share asks for shared frames of the camera, which is another one after it was removed
// and added again.
func (st *shareStream) share(feeds map[string]Feed) error {
	feed := feeds[st.id]
	if feed.Snapshot().Spec.Decode.Mode == config.DecodeNone {
		return decodeDisabled(st.id)
	}
	if st.feed != nil && st.feed.Ring() == feed.Ring() {
		return nil
	}
	if st.feed == nil {
		var err error
		if st.holder, err = st.holdLeases(st.id, st.most); err != nil {
			return err
		}
	} else {
		st.unshare()
	}
	st.feed, st.unshare = feed, feed.Share(st.most)
	return nil
}

// close ends all leases and gives everything back.
func (st *shareStream) close() {
	st.leases.end()
	if st.feed != nil {
		st.unshare() // first: the next one looks whether there is room without this one
		st.endHolder(st.id, st.holder)
	}
}

// placed says whether the client can get at f, which is the newest frame.
func (st *shareStream) placed(f *frame.Frame) bool {
	_, ok := frame.PlaceOf(f)
	st.unplaced = !ok
	return ok
}

// pickLease takes the newest frame when the client holds fewer than it may.
func (st *shareStream) pickLease(now time.Time) func(context.Context) (outgoing, error) {
	if st.leases.lent() >= st.most {
		st.rota.wake(now)
		return nil // when one is given back, what is newest then goes
	}
	rd, f, skipped := st.rota.next(now)
	if f == nil && !st.unplaced {
		return nil
	}
	st.unplaced = false
	if err := st.cause(f != nil); err != nil {
		if f != nil {
			f.Release()
		}
		return func(ctx context.Context) (outgoing, error) { return outgoing{}, st.unshared(ctx, err) }
	}
	if f == nil {
		return nil // the decoder makes a region, or others hold all that is in it
	}
	return func(context.Context) (outgoing, error) { return st.lease(rd, f, skipped) }
}

// cause is why the stream can't go on, when the newest frame is shared or not. Where there
// is no room for all that was promised, also while there is for some, the stream that came
// last has to go, and not those that were there before.
func (st *shareStream) cause(shared bool) error {
	err := st.feed.ShareErr()
	if errors.Is(err, decoder.ErrExhausted) {
		if !st.newestHolder(st.id, st.holder) {
			return nil
		}
		return err
	}
	if shared {
		return nil
	}
	return err
}

// lease makes the message of a frame and takes it over.
func (st *shareStream) lease(rd *reader, f *frame.Frame, skipped *frameportv1.Skipped) (outgoing, error) {
	defer f.Release()
	at, _ := frame.PlaceOf(f)
	if kind := mapping.RegionKind(at.Region); st.kind != frameportv1.RegionKind_REGION_KIND_UNSPECIFIED && kind != st.kind {
		return outgoing{}, sharingUnavailable(fmt.Sprintf("open.kind: the frames of camera %q lie in memory of kind %s; ask for that, or leave kind unset", st.id, kindName(kind)))
	}
	switch err := f.Memory().(frame.Shared).Ready(f); {
	case errors.Is(err, frame.ErrLost):
		if st.lost++; st.lost > mostLost {
			return outgoing{}, regionLost(err)
		}
		skipped.SlowConsumer++
		rd.owed = skipped
		return outgoing{}, nil // the decoder makes another region
	case err != nil:
		return outgoing{}, unready(err)
	}
	st.lost = 0
	now := failpoint.Now()
	m := mapping.Lease(st.id, &f.Info, at, skipped)
	id, end := st.leases.lend(f.Retain().Release, now)
	m.LeaseId, m.ExpireTime, m.SentTime = id, timestamppb.New(end), timestamppb.New(now)
	return outgoing{shared: int(m.GetByteSize()), write: func() error {
		if st.told != at.Region.Name {
			if err := st.send(&frameportv1.ShareFramesResponse{Response: &frameportv1.ShareFramesResponse_Region{Region: mapping.Region(at.Region)}}); err != nil {
				return err
			}
			st.told = at.Region.Name
		}
		return st.send(&frameportv1.ShareFramesResponse{Response: &frameportv1.ShareFramesResponse_Lease{Lease: m}})
	}}, nil
}

// kindName is how a request names a kind.
func kindName(k frameportv1.RegionKind) string {
	if k == frameportv1.RegionKind_REGION_KIND_CUDA_IPC {
		return "CUDA_IPC"
	}
	return "SHARED_MEMORY"
}

// unready says why a frame could not be leased.
func unready(err error) error {
	if errors.Is(err, gpu.ErrDeviceLost) { // the worker is about to end
		return shuttingDown()
	}
	return apierr.New(codes.Internal, apierr.RenderFailed, fmt.Sprintf("the frame could not be made ready: %v", err))
}

func regionLost(err error) error {
	return apierr.New(codes.Aborted, apierr.SharedMemoryLost, err.Error()+"; find out who does that to the worker's --shm-dir, and open the stream again")
}

// unshared says why the camera's frames don't lie in memory that others can map.
func (st *shareStream) unshared(ctx context.Context, err error) error {
	const instead = "; take frames from WatchFrames"
	switch {
	case errors.Is(err, frame.ErrLost): // again and again: the decoder pauses before it makes another one
		return regionLost(err)
	case errors.Is(err, decoder.ErrExhausted):
		return apierr.New(codes.ResourceExhausted, apierr.OutOfSharedMemory, err.Error()+"; fewer streams and max_leases take less", apierr.Meta(apierr.MetaCameraID, st.id))
	case st.cfg.SharedMemory.Folder == nil:
		return sharingUnavailable("this worker has no shared memory: " + st.cfg.SharedMemory.Reason + instead)
	case !errors.Is(err, decoder.ErrUnsupported):
		st.cfg.Logger.WarnContext(ctx, "frames are not shared", "camera", st.id, "error", err)
	}
	return sharingUnavailable(fmt.Sprintf("frames of camera %q can't be shared: %v", st.id, err) + instead)
}
