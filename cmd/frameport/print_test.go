package main

import (
	"slices"
	"testing"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// Under overload most of what is dropped waits in queues: without it the column said 0.
func TestEveryDroppedPictureIsInTheTable(t *testing.T) {
	for what, counters := range map[string]*frameportv1.DropCounters{
		"policy":  {Policy: 7},
		"network": {Network: 7},
		"decode":  {Decode: 7},
		"queue":   {Queue: 7},
		"all":     {Policy: 1, Network: 1, Decode: 2, Queue: 3},
	} {
		row := cameraRow(&frameportv1.Camera{CameraId: "gate", Status: &frameportv1.CameraStatus{
			Counters: &frameportv1.CameraCounters{Dropped: counters},
		}})
		if !slices.Contains(row, "7") {
			t.Errorf("%s: 7 pictures were dropped, and the table says %q", what, row)
		}
	}
}
