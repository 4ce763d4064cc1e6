package mapping

import (
	"errors"
	"maps"

	"google.golang.org/protobuf/types/known/durationpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

// NewSpec reads the spec of a new camera. The error is a [*config.Problems] with
// everything that is wrong.
func NewSpec(s *frameportv1.CameraSpec) (config.Camera, error) {
	c, problems := readSpec(s)
	if keepsPassword(s) {
		problems.Add("spec.credentials.password_set", config.ReasonCredentials, "is true, but a new camera has no stored password; give the password")
	}
	checked := c.Clone()
	checked.EnsureDefaults()
	if more, ok := errors.AsType[*config.Problems](checked.Validate()); ok {
		problems.List = append(problems.List, more.List...)
	}
	return c, problems.ErrorOrNil()
}

// readSpec reads what a spec says, without judging it further than the types do.
// User info in the URL is moved to the credentials.
func readSpec(s *frameportv1.CameraSpec) (config.Camera, *config.Problems) {
	p := &config.Problems{}
	c := config.Camera{
		URL:      s.GetUrl(),
		Username: s.GetCredentials().GetUsername(),
		Labels:   maps.Clone(s.GetLabels()),
		TLS:      config.TLS{PinSHA256: s.GetTls().GetPinSha256()},
		Decode:   config.DecodePolicy{MaxFPS: s.GetDecode().GetMaxFps()},
		Frame: config.FramePolicy{
			MaxWidth:  int(s.GetFrame().GetMaxWidth()),
			MaxHeight: int(s.GetFrame().GetMaxHeight()),
			RingSize:  int(s.GetFrame().GetRingSize()),
		},
		Device: s.GetDevice(),
	}
	if password := s.GetCredentials().GetPassword(); password != "" {
		c.Password = secret.New(password)
	}
	if more, ok := errors.AsType[*config.Problems](c.MoveUserInfo()); ok {
		p.List = append(p.List, more.List...)
	}
	c.Transport = readEnum(p, transports(), s.GetTransport(), "spec.transport", config.ReasonTransport)
	c.TLS.Mode = readEnum(p, tlsModes(), s.GetTls().GetMode(), "spec.tls.mode", config.ReasonTLS)
	c.Decode.Mode = readEnum(p, decodeModes(), s.GetDecode().GetMode(), "spec.decode.mode", config.ReasonDecodePolicy)
	c.Frame.Color = media.Color{
		Matrix: readEnum(p, matrices(), s.GetFrame().GetColor().GetMatrix(), "spec.frame.color.matrix", config.ReasonFrameSpec),
		Range:  readEnum(p, ranges(), s.GetFrame().GetColor().GetRange(), "spec.frame.color.range", config.ReasonFrameSpec),
	}
	c.Backend = readEnum(p, backends(), s.GetBackend(), "spec.backend", config.ReasonBackend)
	if d := s.GetDecode().GetLinger(); d != nil {
		if d.CheckValid() != nil {
			p.Add("spec.decode.linger", config.ReasonDecodePolicy, "is no valid duration (%d s and %d ns)", d.GetSeconds(), d.GetNanos())
		}
		c.Decode.Linger = d.AsDuration()
	}
	return c, p
}

func readEnum[P ~int32, C comparable](p *config.Problems, table []pair[P, C], wire P, field, reason string) C {
	core, ok := toCore(table, wire)
	if !ok {
		p.Add(field, reason, "is %d, which this version doesn't know; use one of the names in the API", wire)
	}
	return core
}

// keepsPassword reports whether a spec asks for the stored password to be kept.
func keepsPassword(s *frameportv1.CameraSpec) bool {
	return s.GetCredentials().GetPasswordSet() && s.GetCredentials().GetPassword() == ""
}

// Spec writes a spec without its password.
func Spec(c config.Camera) *frameportv1.CameraSpec {
	s := &frameportv1.CameraSpec{
		Url:       c.URL,
		Transport: toWire(transports(), c.Transport),
		Labels:    maps.Clone(c.Labels),
		Decode: &frameportv1.DecodePolicy{
			Mode:   toWire(decodeModes(), c.Decode.Mode),
			MaxFps: c.Decode.MaxFPS,
		},
		Frame: &frameportv1.FrameSpec{
			MaxWidth:  int32(c.Frame.MaxWidth),
			MaxHeight: int32(c.Frame.MaxHeight),
			RingSize:  int32(c.Frame.RingSize),
		},
		Backend: toWire(backends(), c.Backend),
		Device:  c.Device,
	}
	if c.Username != "" || c.Password.Reveal() != "" {
		s.Credentials = &frameportv1.Credentials{Username: c.Username, PasswordSet: c.Password.Reveal() != ""}
	}
	if c.TLS != (config.TLS{}) {
		s.Tls = &frameportv1.TlsSpec{Mode: toWire(tlsModes(), c.TLS.Mode), PinSha256: c.TLS.PinSHA256}
	}
	if c.Decode.Mode == config.DecodeOnDemand {
		s.Decode.Linger = durationpb.New(c.Decode.Linger)
	}
	if c.Frame.Color != (media.Color{}) {
		s.Frame.Color = color(c.Frame.Color)
	}
	return s
}

func color(c media.Color) *frameportv1.ColorSpec {
	return &frameportv1.ColorSpec{Matrix: toWire(matrices(), c.Matrix), Range: toWire(ranges(), c.Range)}
}
