package server

import "time"

// Limits of the gRPC server. Requests are small and frames are large, so the two
// directions differ by two orders of magnitude.
const (
	// MaxRequestBytes is the largest message that is taken from a client.
	MaxRequestBytes = 256 << 10
	// MaxResponseBytes is the largest message that is sent: two 4K RGB frames, or a
	// batch of thirteen 640x640 tensors of floats.
	MaxResponseBytes = 64 << 20
	// MaxStreams is the number of calls that one connection may have open.
	MaxStreams = 100

	maxHeaderBytes    = 16 << 10
	connectionTimeout = 5 * time.Second
	// Clients may ping every 10 s while a call is open. We ping after 30 s of
	// silence and give up 10 s later, so a dead peer costs at most 40 s.
	clientPingInterval = 10 * time.Second
	serverPingAfter    = 30 * time.Second
	serverPingTimeout  = 10 * time.Second
	idleConnection     = 10 * time.Minute

	// defaultClientReceive is what gRPC clients take unless they raise their limit.
	defaultClientReceive = 4 << 20
	// maxCredits bounds what a client can have outstanding on one stream.
	maxCredits = 64
	// maxLeases bounds what a client can hold on one stream of shared frames, and
	// maxCameraLeases what all clients of a camera can hold together. Frames that are
	// held take memory of the decoder's.
	maxLeases       = 16
	maxCameraLeases = 64
	// maxBatchBytes bounds what full batches of all open streams add up to. Nothing is
	// kept of a batch, but a client that reads slowly has one made, one encoded and one
	// on its way, for every stream that it opens. Answers of inference servers that wait
	// for the client count, too.
	maxBatchBytes = 1 << 30
	// maxWait bounds GetFrame's wait.
	maxWait = 300 * time.Second
	// maxFPS bounds a request's max_fps.
	maxFPS = 1000
	// settle is the shortest time between two looks at the set of cameras on behalf
	// of one stream: a thousand cameras that reconnect at once are one look.
	settle = 50 * time.Millisecond
)

// Defaults of [Config].
const (
	DefaultSlowConsumer = 10 * time.Second
	DefaultDrain        = 2 * time.Second
)
