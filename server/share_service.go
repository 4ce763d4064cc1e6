package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
)

// ShareFrames implements the RPC.
func (s *frameService) ShareFrames(call grpc.BidiStreamingServer[frameportv1.ShareFramesRequest, frameportv1.ShareFramesResponse]) error {
	ctx := call.Context()
	first, err := receiveFirst(ctx, s.Server, call.Recv)
	switch {
	case errors.Is(err, io.EOF) || err == nil && first.GetOpen() == nil:
		return invalid(apierr.StartRequired, "open", "must be the first message of the stream")
	case err != nil:
		return err
	}
	st, err := s.newShareStream(ctx, first.GetOpen())
	if err != nil {
		return err
	}
	end, err := s.subscribe(ctx, st.method, st.choice.ids)
	if err != nil {
		return err
	}
	defer end()
	defer st.close()
	grants := make(chan grant)
	s.background.Go(func() { receiveGrants(ctx, call.Recv, grantOfShares, grants) })
	st.grants = grants
	st.send = call.Send
	return st.run(ctx)
}

// grantOfShares reads what a client sends after the first message.
func grantOfShares(r *frameportv1.ShareFramesRequest) grant {
	switch r.GetRequest().(type) {
	case *frameportv1.ShareFramesRequest_Open:
		return grant{err: invalid(apierr.StartRepeated, "open", "came twice; to share something else, open another stream")}
	case *frameportv1.ShareFramesRequest_Ack:
		return grant{ack: true, lease: r.GetAck().GetLeaseId()}
	}
	return grant{err: invalid(apierr.InvalidShare, "request", "is empty; send an ack")}
}

func (s *frameService) newShareStream(ctx context.Context, open *frameportv1.ShareOpen) (*shareStream, error) {
	st := &shareStream{
		stream: stream{Server: s.Server, method: frameportv1.FrameService_ShareFrames_FullMethodName, uncounted: true},
		id:     open.GetCameraId(), kind: open.GetKind(), most: int(open.GetMaxLeases()),
	}
	st.pick, st.joined = st.pickLease, st.share
	var err error
	if st.choice, err = newChoice([]string{st.id}, ""); err != nil {
		return nil, err
	}
	if _, known := frameportv1.RegionKind_name[int32(st.kind)]; !known {
		return nil, invalid(apierr.InvalidShare, "open.kind", "is %d, which this version doesn't know; leave it unset for whatever the frames lie in", st.kind)
	}
	if st.most == 0 {
		st.most = 1
	}
	if st.most < 1 || st.most > maxLeases {
		return nil, invalid(apierr.InvalidShare, "open.max_leases", "is %d; give 1 to %d, or 0 for 1", st.most, maxLeases)
	}
	duration := s.cfg.SharedMemory.Lease
	if d := open.GetLeaseDuration(); d != nil {
		duration = d.AsDuration()
		if d.CheckValid() != nil || duration < config.MinLease || duration > config.MaxLease {
			return nil, invalid(apierr.InvalidShare, "open.lease_duration", "is %s; give %v to %v, or leave it unset for %v", seconds(d), config.MinLease, config.MaxLease, s.cfg.SharedMemory.Lease)
		}
	}
	st.leases = newLeases(duration)
	fps := open.GetMaxFps()
	if err := frameRate("open.", fps); err != nil {
		return nil, err
	}
	st.rota = newRota(fps)
	st.rota.accept = st.placed
	return st, s.cfg.SharedMemory.shares(ctx, st.kind)
}

// shares says why the caller of ctx gets no frames of that kind.
func (m SharedMemory) shares(ctx context.Context, kind frameportv1.RegionKind) error {
	const field = "open.kind: "
	switch {
	case !m.Remote && !local(ctx):
		return sharingUnavailable(field + "frames are shared on unix sockets and with clients of this machine; take them from WatchFrames, or start the worker " +
			"with --shm-remote when this client can get at its memory")
	case m.Folder == nil && kind == frameportv1.RegionKind_REGION_KIND_SHARED_MEMORY:
		return sharingUnavailable(field + "this worker has no shared memory: " + m.Reason + "; take frames from WatchFrames, with output.format NV12 they are as the camera sent them")
	}
	return nil
}

func sharingUnavailable(text string) error {
	return apierr.New(codes.FailedPrecondition, apierr.SharingUnavailable, text)
}

// holder is a stream that can hold so many frames of a camera.
type holder struct{ frames int }

// holdLeases notes that one more stream can hold so many frames of a camera.
func (s *Server) holdLeases(id string, n int) (*holder, error) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	total := n
	for _, h := range s.leases.of[id] {
		total += h.frames
	}
	if total > maxCameraLeases {
		return nil, apierr.New(codes.ResourceExhausted, apierr.TooManyLeases,
			fmt.Sprintf("with this stream all clients of camera %q could hold %d frames, and this worker allows %d; end streams that are not needed, "+
				"ask for fewer max_leases, or take frames from WatchFrames, which has no such limit", id, total, maxCameraLeases),
			apierr.Meta(apierr.MetaCameraID, id), apierr.Meta(apierr.MetaLimit, strconv.Itoa(maxCameraLeases)))
	}
	if s.leases.of == nil {
		s.leases.of = map[string][]*holder{}
	}
	h := &holder{n}
	s.leases.of[id] = append(s.leases.of[id], h)
	return h, nil
}

// endHolder takes that back.
func (s *Server) endHolder(id string, h *holder) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if s.leases.of[id] = slices.DeleteFunc(s.leases.of[id], func(o *holder) bool { return o == h }); len(s.leases.of[id]) == 0 {
		delete(s.leases.of, id)
	}
}

// newestHolder says whether no other stream of the camera came later.
func (s *Server) newestHolder(id string, h *holder) bool {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	all := s.leases.of[id]
	return len(all) > 0 && all[len(all)-1] == h
}
