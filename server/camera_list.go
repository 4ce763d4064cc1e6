package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/auth"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// ListCameras implements the RPC. The page token is the last id of the page
// before, so a page costs the same wherever it is, and cameras that come or go
// between two pages disturb no other.
func (s *cameraService) ListCameras(ctx context.Context, r *frameportv1.ListCamerasRequest) (*frameportv1.ListCamerasResponse, error) {
	size := int(r.GetPageSize())
	switch {
	case size < 0:
		return nil, invalid(apierr.InvalidPageSize, "page_size", "is %d; give 1 to %d, or 0 for %d", size, maxPage, defaultPage)
	case size == 0:
		size = defaultPage
	}
	size = min(size, maxPage)
	after, err := readPageToken(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	selector, err := config.ParseSelector(r.GetLabelSelector())
	if err != nil {
		return nil, err
	}
	matching := slices.DeleteFunc(s.cfg.Cameras.List(), func(c camera.Snapshot) bool {
		return !selector.Matches(c.Spec.Labels) || !auth.FromContext(ctx).Sees(View, c.ID, c.Spec.Labels)
	})
	from, found := slices.BinarySearchFunc(matching, after, func(c camera.Snapshot, id string) int { return cmp.Compare(c.ID, id) })
	if found {
		from++
	}
	to := min(from+size, len(matching))
	resp := &frameportv1.ListCamerasResponse{TotalSize: int32(len(matching))}
	for _, c := range matching[from:to] {
		resp.Cameras = append(resp.Cameras, s.describe(ctx, c))
	}
	if to < len(matching) {
		resp.NextPageToken = pageToken(matching[to-1].ID)
	}
	return resp, nil
}

// pageVersion stands at the beginning of a page token, so that its meaning can
// change.
const pageVersion = "1:"

func pageToken(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(pageVersion + last))
}

func readPageToken(token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(raw) > len(pageVersion) && string(raw[:len(pageVersion)]) == pageVersion {
		if id := string(raw[len(pageVersion):]); config.ValidCameraID(id) == nil {
			return id, nil
		}
	}
	return "", invalid(apierr.InvalidPageToken, "page_token", "is not one of this service; take next_page_token as it came, or leave it empty for the first page")
}
