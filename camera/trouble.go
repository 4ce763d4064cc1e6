package camera

import (
	"errors"
	"fmt"

	"github.com/frameport/frameport/fault"
)

// What can be wrong behind a good connection. The values are never changed.
var (
	errTooSlow = fault.New(fault.Decode, "decode", errors.New(
		"decoding is slower than the camera: pictures are dropped; use decode mode KEYFRAMES or a smaller stream of the camera"))
	errUnitMemory = fault.New(fault.Limit, "decode", errors.New(
		"the pictures that wait to be decoded, of all cameras, fill the memory for them, and this camera has most: pictures are dropped; "+
			"decode fewer cameras, use decode mode KEYFRAMES, or raise --access-unit-memory"))
	errAssembly = fault.New(fault.Limit, "play", errors.New(
		"a picture of this camera needed more memory than all cameras together may have for pictures that are being received, and was lost: "+
			"choose a smaller stream of the camera, or raise --access-unit-memory"))
	errOverload = fault.New(fault.Limit, "decode", errors.New(
		"the worker's memory is nearly full, and cameras that were added last are not decoded: remove cameras, choose smaller streams, or raise GOMEMLIMIT"))
	errProcessors = fault.New(fault.Limit, "decode", errors.New(
		"decoding can't keep up with all cameras, and of those that were added last only key frames are decoded, or nothing: remove cameras, "+
			"choose smaller streams or lower frame rates, or use decode mode KEYFRAMES"))
	errFlood = fault.New(fault.Limit, "decode", fmt.Errorf(
		"the camera sends more than %d pictures a second, of which no more are decoded: set a lower frame rate in the camera", floodRate))
	errStuck = fault.New(fault.Decode, "decode", errors.New(
		"the decoder has not returned for 5 s; if it stays so, restart frameport"))
	errDamaged = fault.New(fault.Decode, "decode", errors.New(
		"pictures are damaged; look at the packets lost, and use transport TCP or a better network if there are any"))
	errStarving = fault.New(fault.Stalled, "play", errors.New(
		"pictures arrive, but none can be used: they are incomplete, or no key frame comes; look at the packets lost, "+
			"and use transport TCP, a better network, or a shorter key-frame interval of the camera"))
	errNoFrames   = errors.New("access units go in, but no frame comes out; the decoder is made anew")
	errNoKeyFrame = errors.New("waiting for the next key frame after damage; a shorter key-frame interval of the camera makes that quicker")
)
