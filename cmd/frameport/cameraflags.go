package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// cameraFlags are the parts of a camera's specification. A flag that was not
// given leaves its part alone, so they are all pointers.
type cameraFlags struct {
	Username      *string           `help:"User name at the camera."`
	PasswordFile  string            `help:"File that holds the password; - reads one line from standard input. The environment variable FRAMEPORT_CAMERA_PASSWORD works too. (A flag would show in the process listing.)" placeholder:"FILE"`
	Transport     *string           `help:"How RTP travels: auto, tcp, udp or multicast; http or websocket = all through the camera's web server, at the URL's port." enum:"auto,tcp,udp,multicast,http,websocket"`
	TLS           *string           `name:"tls" help:"How the certificate of rtsps:// is judged: verify, pin or insecure." enum:"verify,pin,insecure"`
	PinSHA256     *string           `name:"pin-sha256" help:"SHA-256 of the camera's certificate in hexadecimal, for --tls pin."`
	Label         map[string]string `help:"Label, as key=value; may be given more than once." short:"l"`
	Decode        *string           `help:"Which pictures are decoded: all, skip-non-reference, keyframes or none." enum:"all,skip-non-reference,keyframes,on-demand,none"`
	MaxFPS        *float64          `name:"max-fps" help:"Frames per second at most; 0 = all."`
	Linger        *time.Duration    `help:"For on-demand decoding." hidden:""`
	MaxWidth      *int32            `help:"Frames are made at most this wide, in pixels; 0 = as the camera sends them."`
	MaxHeight     *int32            `help:"Frames are made at most this high, in pixels."`
	RingSize      *int32            `help:"How many of the newest frames are kept."`
	ColorMatrix   *string           `help:"Override the stream's colour matrix: bt601, bt709 or bt2020; stream = as the stream says." enum:"stream,bt601,bt709,bt2020"`
	ColorRange    *string           `help:"Override the stream's colour range: limited or full; stream = as the stream says." enum:"stream,limited,full"`
	DecodeBackend *string           `name:"backend" help:"What decodes this camera: auto, cuda or cpu." enum:"auto,cuda,cpu"`
	Device        *string           `help:"GPU that decodes this camera: ordinal or UUID."`
}

const passwordEnvironment = "FRAMEPORT_CAMERA_PASSWORD"

// apply writes the given flags into spec and returns their field paths.
func (f *cameraFlags) apply(spec *frameportv1.CameraSpec, in io.Reader) (paths []string, err error) {
	password, given, err := f.password(in)
	if err != nil {
		return nil, err
	}
	if f.Username != nil || given {
		spec.Credentials = &frameportv1.Credentials{}
		if f.Username != nil {
			spec.Credentials.Username = *f.Username
			paths = append(paths, "credentials.username")
		}
		if given {
			spec.Credentials.Password, spec.Credentials.PasswordSet = password, true
			paths = append(paths, "credentials.password")
		}
	}
	if f.Transport != nil {
		spec.Transport = enumOf[frameportv1.Transport](frameportv1.Transport_value, "TRANSPORT_", *f.Transport)
		paths = append(paths, "transport")
	}
	if f.TLS != nil || f.PinSHA256 != nil {
		spec.Tls = &frameportv1.TlsSpec{}
		if f.TLS != nil {
			spec.Tls.Mode = enumOf[frameportv1.TlsMode](frameportv1.TlsMode_value, "TLS_MODE_", *f.TLS)
			paths = append(paths, "tls.mode")
		}
		if f.PinSHA256 != nil {
			spec.Tls.PinSha256 = *f.PinSHA256
			paths = append(paths, "tls.pin_sha256")
		}
	}
	if f.Label != nil {
		spec.Labels = f.Label
		paths = append(paths, "labels")
	}
	paths = append(paths, f.applyDecode(spec)...)
	paths = append(paths, f.applyFrame(spec)...)
	if f.DecodeBackend != nil {
		spec.Backend = enumOf[frameportv1.BackendKind](frameportv1.BackendKind_value, "BACKEND_KIND_", *f.DecodeBackend)
		paths = append(paths, "backend")
	}
	if f.Device != nil {
		spec.Device = *f.Device
		paths = append(paths, "device")
	}
	return paths, nil
}

func (f *cameraFlags) applyDecode(spec *frameportv1.CameraSpec) (paths []string) {
	d := &frameportv1.DecodePolicy{}
	if f.Decode != nil {
		d.Mode = enumOf[frameportv1.DecodeMode](frameportv1.DecodeMode_value, "DECODE_MODE_", *f.Decode)
		paths = append(paths, "decode.mode")
	}
	if f.MaxFPS != nil {
		d.MaxFps = *f.MaxFPS
		paths = append(paths, "decode.max_fps")
	}
	if f.Linger != nil {
		d.Linger = durationpb.New(*f.Linger)
		paths = append(paths, "decode.linger")
	}
	if paths != nil {
		spec.Decode = d
	}
	return paths
}

func (f *cameraFlags) applyFrame(spec *frameportv1.CameraSpec) (paths []string) {
	fr := &frameportv1.FrameSpec{}
	for _, v := range []struct {
		flag *int32
		to   *int32
		path string
	}{
		{f.MaxWidth, &fr.MaxWidth, "frame.max_width"},
		{f.MaxHeight, &fr.MaxHeight, "frame.max_height"},
		{f.RingSize, &fr.RingSize, "frame.ring_size"},
	} {
		if v.flag != nil {
			*v.to = *v.flag
			paths = append(paths, v.path)
		}
	}
	color := &frameportv1.ColorSpec{}
	if f.ColorMatrix != nil {
		color.Matrix = enumOf[frameportv1.ColorMatrix](frameportv1.ColorMatrix_value, "COLOR_MATRIX_", *f.ColorMatrix)
		paths = append(paths, "frame.color.matrix")
	}
	if f.ColorRange != nil {
		color.Range = enumOf[frameportv1.ColorRange](frameportv1.ColorRange_value, "COLOR_RANGE_", *f.ColorRange)
		paths = append(paths, "frame.color.range")
	}
	if f.ColorMatrix != nil || f.ColorRange != nil {
		fr.Color = color
	}
	if paths != nil {
		spec.Frame = fr
	}
	return paths
}

// password reads the password from where the flags say.
func (f *cameraFlags) password(in io.Reader) (value string, given bool, err error) {
	switch f.PasswordFile {
	case "":
		value, given = os.LookupEnv(passwordEnvironment)
		return value, given, nil
	case "-":
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", false, fmt.Errorf("read password from standard input: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), true, nil
	default:
		b, err := os.ReadFile(f.PasswordFile)
		if err != nil {
			return "", false, fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(string(b), "\r\n"), true, nil
	}
}

// enumOf finds the enum value for a word of the command line. An unknown word
// ("stream") is UNSPECIFIED, the documented default.
func enumOf[E ~int32](values map[string]int32, prefix, word string) E {
	return E(values[prefix+strings.ToUpper(strings.ReplaceAll(word, "-", "_"))])
}
