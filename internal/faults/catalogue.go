package faults

// Row is a fault of the catalogue.
type Row struct {
	Number  int
	Symptom string // what goes wrong
	Wanted  string // what the worker is to make of it
	// Gap says why the row is not survived; empty = it is expected to be.
	Gap string
	// Elsewhere says where the row is tested, when it can't be faked on loopback.
	Elsewhere string
	// Inside says that it happens within the worker, at points that only builds with the
	// tag failpoint have.
	Inside bool
}

// firstOwn is the number from which on faults are not reported from the field, but what
// this program must stand as well.
const firstOwn = 76

// Rows from the field that can be tried on loopback.
func tried() (n int) {
	for _, r := range Catalogue() {
		if r.Elsewhere == "" && r.Number < firstOwn {
			n++
		}
	}
	return n
}

// Catalogue returns all faults by number.
func Catalogue() []Row {
	return []Row{
		{Number: 1, Symptom: "several login methods, or Digest only", Wanted: "the strongest is used; no password in clear to a camera that can do better"},
		{Number: 2, Symptom: "the nonce of a login expires", Wanted: "a new session at once, not counted as a refusal"},
		{Number: 3, Symptom: "wrong password, and cameras that lock accounts", Wanted: "two refusals, then minutes of silence; at most three per host; corrected credentials work at once"},
		{Number: 4, Symptom: "every request of a session needs the login", Wanted: "keepalives and TEARDOWN carry it"},
		{Number: 5, Symptom: "401 without a usable challenge", Wanted: "class auth, slow retries"},
		{Number: 6, Symptom: "special characters in user name and password", Wanted: "they arrive as they were given, in fields and in URLs"},
		{Number: 7, Symptom: "an empty password, or none", Wanted: "the two differ"},
		{Number: 8, Symptom: "IPv6 addresses, also broken ones in Content-Base", Wanted: "plays"},
		{Number: 9, Symptom: "control addresses that lead elsewhere", Wanted: "host and port of the connection are kept"},
		{Number: 10, Symptom: "redirects", Wanted: "followed on the same host, refused to others"},
		{Number: 11, Symptom: "a loop of redirects", Wanted: "a few requests, then class policy"},
		{Number: 12, Symptom: "self-signed certificates", Wanted: "refused by default, accepted when pinned, or when the check is off, which shows"},
		{Number: 13, Symptom: "the address behind a name changes", Wanted: "resolved at every dial"},
		{Number: 14, Symptom: "nothing comes over UDP", Wanted: "TCP after three seconds, and remembered"},
		{Number: 15, Symptom: "one of TCP and UDP is refused", Wanted: "the other is used"},
		{Number: 16, Symptom: "SETUP is answered with another transport or other channels", Wanted: "what the camera answered is used"},
		{Number: 17, Symptom: "keepalives that end the session, or are never answered", Wanted: "the session lasts, or the method is changed"},
		{Number: 18, Symptom: "short session timeouts, announced or not", Wanted: "keepalives in time; a hidden timeout costs a reconnect at most"},
		{Number: 19, Symptom: "no media while everything is answered", Wanted: "STALLED within the watchdog's time, and back"},
		{Number: 20, Symptom: "a connection that is dead without a word", Wanted: "noticed by watchdog, ended within its budget, and back"},
		{Number: 21, Symptom: "a reboot: refused, then 404, then 503, then good", Wanted: "short waits throughout, little log, back soon"},
		{Number: 22, Symptom: "no session left until the old one times out", Wanted: "class busy; own sessions are always given back"},
		{Number: 23, Symptom: "data of the previous session in the new one", Wanted: "ignored"},
		{Number: 24, Symptom: "data of channels nobody asked for, blank lines between messages", Wanted: "skipped"},
		{Number: 25, Symptom: "the camera sends requests", Wanted: "they are answered and the stream goes on"},
		{Number: 26, Symptom: "sloppy answers: no reason, blanks, bare line feeds", Wanted: "plays"},
		{Number: 27, Symptom: "odd Transport headers", Wanted: "what is not needed is not read"},
		{Number: 28, Symptom: "the session's name changes", Wanted: "plays"},
		{Number: 29, Symptom: "TEARDOWN is never answered", Wanted: "removing takes about a second"},
		{Number: 30, Symptom: "several multicast cameras on one port", Wanted: "each shows its own pictures"},
		{Number: 31, Symptom: "only HTTP gets through", Wanted: "plays through the camera's web server, when the transport says so"},
		{Number: 32, Symptom: "back channels: marked tracks, refused Require headers", Wanted: "never asked for, skipped"},
		{Number: 33, Symptom: "PLAY and its RTP-Info are peculiar", Wanted: "times are learnt from packets"},
		{Number: 34, Symptom: "no parameter sets in the session description", Wanted: "taken from the stream"},
		{Number: 35, Symptom: "parameter sets in the session description only", Wanted: "given to the decoder, again after each start"},
		{Number: 36, Symptom: "parameter sets that can't be read, with start codes or extra bytes", Wanted: "ignored or cleaned"},
		{Number: 37, Symptom: "session descriptions with wrong lines", Wanted: "only the lines that are needed count"},
		{Number: 38, Symptom: "a broken track beside the video", Wanted: "left out"},
		{Number: 39, Symptom: "several formats on one track", Wanted: "the one that comes is taken"},
		{Number: 40, Symptom: "audio first, several video tracks, or no video", Wanted: "the first video; without one class unsupported"},
		{Number: 41, Symptom: "format lines at another track, static payload types for H.264", Wanted: "found by payload type"},
		{Number: 42, Symptom: "packetization mode 0 is announced, fragments are sent", Wanted: "packets are believed; over TCP"},
		{Number: 43, Symptom: "packets lost, reordered and doubled", Wanted: "counted; nothing damaged is shown as whole"},
		{Number: 44, Symptom: "sequence numbers and timestamps wrap and jump", Wanted: "the connection stays; a break is a new epoch"},
		{Number: 45, Symptom: "the SSRC changes, also with every GOP", Wanted: "adopted without a reconnect"},
		{Number: 46, Symptom: "timestamps jump hours, stand still or are zero", Wanted: "PTS rise all the same"},
		{Number: 47, Symptom: "sender reports missing, of 1970, or stepping", Wanted: "frames keep coming, and say how good their time is"},
		{Number: 48, Symptom: "broken RTCP", Wanted: "ignored"},
		{Number: 49, Symptom: "padding, extensions, empty payloads and fragments", Wanted: "no loss, no panic"},
		{Number: 50, Symptom: "marker bits everywhere or nowhere, two timestamps in a picture", Wanted: "whole pictures at the right rate"},
		{Number: 51, Symptom: "fragments and units that are put together wrongly", Wanted: "tolerated"},
		{Number: 52, Symptom: "access units of megabytes, and beyond the limit", Wanted: "played, and dropped with memory bounded"},
		{Number: 53, Symptom: "dozens of slices per picture", Wanted: "whole pictures"},
		{Number: 54, Symptom: "the picture size changes in the stream", Wanted: "a new epoch; no frame of a stale size"},
		{Number: 55, Symptom: "another codec at the same address", Wanted: "described again and decoded"},
		{Number: 56, Symptom: "B pictures", Wanted: "output in display order"},
		{Number: 57, Symptom: "key frames tens of seconds apart", Wanted: "waited for in one connection"},
		{Number: 58, Symptom: "no key frames, recovery points only", Wanted: "starts at one"},
		{Number: 59, Symptom: "damaged references", Wanted: "flagged or dropped; an epoch begins clean"},
		{Number: 60, Symptom: "vendor units, delimiters and reserved types", Wanted: "skipped quietly"},
		{Number: 61, Symptom: "an SPS that own code can't read", Wanted: "the decoder's view decides"},
		{Number: 62, Symptom: "10 bits, 4:2:2, 4:4:4 where the GPU can't", Wanted: "decoded by the CPU", Elsewhere: "capabilities of NVDEC: internal/e2e TestGPUUnsupportedStream on the simulated driver"},
		{Number: 63, Symptom: "odd, cropped and interlaced sizes", Wanted: "pictures of the visible size"},
		{Number: 64, Symptom: "interlaced pictures", Wanted: "one frame per picture, of full height"},
		{Number: 65, Symptom: "JPEG with restart markers, and above 2040 pixels", Wanted: "plays"},
		{Number: 66, Symptom: "codecs that are not supported", Wanted: "class unsupported, by name"},
		{Number: 67, Symptom: "frame rates other than announced, one per second", Wanted: "no watchdog fires"},
		{Number: 68, Symptom: "frames flow and the picture never changes", Wanted: "shown as a figure; nothing else is done"},
		{Number: 69, Symptom: "the decoder crashes", Wanted: "with decoders in processes: its cameras are back in a second or so, the others lose nothing; a stream that kills three is quarantined", Inside: true},
		{Number: 70, Symptom: "the GPU's context is lost", Wanted: "the process ends with its own status", Elsewhere: "a real device's errors: internal/e2e TestGPULoss on the simulated driver"},
		{Number: 71, Symptom: "device memory grows", Wanted: "a budget, and nothing left behind", Elsewhere: "real device memory: internal/e2e TestGPUBudget and TestGPUChurn on the simulated driver"},
		{Number: 72, Symptom: "cameras are added and removed all the time", Wanted: "nothing is left"},
		{Number: 73, Symptom: "a client that does not read", Wanted: "cut, and nobody else notices"},
		{Number: 74, Symptom: "200 cameras start at once", Wanted: "bounded dials, all come up"},
		{Number: 75, Symptom: "the host's wall clock steps", Wanted: "no watchdog fires, connections and epochs stay, attempts come in time", Inside: true},

		{Number: 76, Symptom: "a decoder fails for no reason of the stream", Wanted: "another one, after a short wait; the connection stays", Inside: true},
		{Number: 77, Symptom: "a decoder does not return", Wanted: "the camera says so, and goes on when it does; no other camera waits", Inside: true},
		{Number: 78, Symptom: "memory is refused for pictures and for regions", Wanted: "tried again; frames go on without sharing, and clients are told", Inside: true},
		{Number: 79, Symptom: "the queue to a decoder is full", Wanted: "whole GOPs are dropped and counted, no damaged picture is shown", Inside: true},
		{Number: 80, Symptom: "a Send blocks for ever", Wanted: "the stream is cut; cameras and other clients notice nothing", Inside: true},
		{Number: 81, Symptom: "the disk is full when cameras change", Wanted: "the change is refused, nothing is lost, cameras play on", Inside: true},
	}
}
