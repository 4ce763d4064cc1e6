// Package nvdec decodes H.264, HEVC of 8 and 10 bits, MJPEG, VP8 and VP9 of 8 and 10
// bits on NVIDIA's video engines, through the driver's own interface (cuvid). Of MJPEG
// it takes baseline pictures with 4:2:0 chroma and an even size; for all else it says
// [decoder.ErrUnsupported] before it takes any memory, so that another decoder can
// have the stream.
//
// # Pixels
//
// A frame is NV12 in a slot of the camera's [surface.Ring], in device memory; its
// host planes are nil. The engine crops and scales into the ring's size, and one
// copy on the decoder's own stream puts the picture there. The frame is emitted at
// once: readers wait for its slot. 10-bit pictures are rounded to 8 bits. When
// readers hold every slot the picture is dropped and counted.
//
// Interlaced streams give one frame per coded frame, both fields woven together.
// Another size of output takes effect with the next random-access unit: the engine is
// reconfigured, and the ring replaced. Frames that are held stay as they are, in the
// old ring, until they are released.
//
// In VP8 and VP9 a key frame is what parameter sets are elsewhere. A unit may have
// frames that are decoded and never shown, or show one again; superframes go to the
// driver frame by frame. VP9 whose size changes between key frames is refused.
//
// # Damage
//
// A frame is flagged when the engine reports an error or concealment for it or for
// what it refers to. The engine reports some damage only, and conceals missing
// references without a word: in H.264 gaps in the frame numbers show them, in HEVC,
// VP8 and VP9 the loss has to be known from the way the data came.
//
// # Sessions
//
// A session is made when the first access unit shows the format: capabilities are
// checked, the camera is admitted, and its memory measured around the creation, one
// creation per device at a time. It is kept when the stream ends and begins again
// with the same format, reconfigured where the driver allows, and else made anew.
// What the driver refuses costs the unit; when it keeps refusing, the session is made
// anew with the next random-access unit. No room is [decoder.ErrExhausted] and harms
// nobody else; a broken context is gpu.ErrDeviceLost, and the device's health says so.
//
// # Sharing
//
// While other processes want frames, the ring is one that they can map, with more slots:
// it is exchanged before a picture is delivered, and what comes from then on lies in it.
// The larger ring passes admission; without room, or where the driver does not share, the
// decoder goes on with the ring it has and says why. See Note: [Sharing] in package
// surface.
//
// # Goroutines
//
// A Decoder belongs to one goroutine and starts none. Calls into the driver that
// may block pass the device's gate, also those that give things back: see Note:
// [Gate]. Frames may be released from anywhere, also after Close; the ring's memory
// goes with the last of them.
package nvdec
