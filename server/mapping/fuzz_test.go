package mapping

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/convert"
	"github.com/frameport/frameport/internal/secret"
)

// leaves are the parts of a spec that a mask can name, the smallest ones.
func leaves(c config.Camera) map[string]any {
	return map[string]any{
		"url": c.URL, "credentials.username": c.Username, "credentials.password": c.Password.Reveal(), "transport": c.Transport,
		"tls.mode": c.TLS.Mode, "tls.pin_sha256": c.TLS.PinSHA256, "backend": c.Backend, "device": c.Device,
		"decode.mode": c.Decode.Mode, "decode.max_fps": math.Float64bits(c.Decode.MaxFPS), "decode.linger": c.Decode.Linger,
		"frame.max_width": c.Frame.MaxWidth, "frame.max_height": c.Frame.MaxHeight, "frame.ring_size": c.Frame.RingSize,
		"frame.color.matrix": c.Frame.Color.Matrix, "frame.color.range": c.Frame.Color.Range,
	}
}

// named says whether a mask, or without one what is set in the message, has a path in it.
func named(m *frameportv1.CameraSpec, mask []string, path string) bool {
	if len(mask) > 0 {
		return slices.ContainsFunc(mask, func(p string) bool {
			return p == "*" || p == path || strings.HasPrefix(path, p+".")
		})
	}
	at := m.ProtoReflect()
	for name := range strings.SplitSeq(path, ".") {
		f := at.Descriptor().Fields().ByName(protoreflect.Name(name))
		if !at.Has(f) {
			return false
		}
		if f.Message() == nil || f.IsMap() {
			return true
		}
		at = at.Get(f).Message()
	}
	return true
}

// FuzzChange: an update changes what it names and nothing else, the same if it comes twice,
// and what it leaves can be read back as it is shown.
func FuzzChange(f *testing.F) {
	full, err := proto.Marshal(fullSpec())
	if err != nil {
		f.Fatal(err)
	}
	login, err := proto.Marshal(&frameportv1.CameraSpec{Url: "rtsp://new:pw@192.0.2.2/", Credentials: &frameportv1.Credentials{PasswordSet: true}})
	if err != nil {
		f.Fatal(err)
	}
	for _, mask := range []string{"", "*", "url,credentials", "decode.max_fps", "tls.mode", "decode.max_fps,decode", "frame.color,labels", "credentials.password", "labels.site", "url,,device"} {
		f.Add(full, mask)
		f.Add(login, mask)
		f.Add([]byte{}, mask)
	}
	before := config.Camera{
		URL: "rtsp://192.0.2.9/x", Username: "old", Password: secret.New("old-pass"), Labels: map[string]string{"a": "b"},
		TLS: config.TLS{Mode: config.TLSInsecure}, Device: "GPU-0",
	}
	before.EnsureDefaults()
	f.Fuzz(func(t *testing.T, spec []byte, mask string) {
		m := &frameportv1.CameraSpec{}
		if proto.Unmarshal(spec, m) != nil {
			return
		}
		sent := proto.Clone(m)
		var paths []string
		if mask != "" {
			paths = strings.Split(mask, ",")
		}
		unknown := slices.ContainsFunc(paths, func(p string) bool { return p != "*" && setters()[p] == nil })
		change, err := Change(m, &fieldmaskpb.FieldMask{Paths: paths})
		if _, refused := errors.AsType[*PathError](err); refused != unknown {
			t.Fatalf("paths %q: %v", paths, err)
		}
		if err != nil {
			if _, ok := errors.AsType[*config.Problems](err); !ok && !unknown {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		was := before.Clone()
		after, err := change(was)
		if err != nil {
			t.Fatal(err)
		}
		if !was.Equal(before) || !proto.Equal(m, sent) {
			t.Fatal("the change has altered what it was given")
		}
		if again, err := change(after); err != nil || !maps.Equal(leaves(again), leaves(after)) || !maps.Equal(again.Labels, after.Labels) {
			t.Fatalf("once %v, twice %v, %v", after, again, err)
		}
		old := leaves(before)
		for path, value := range leaves(after) {
			// A URL may bring the login with it.
			if value != old[path] && !named(m, paths, path) && !(strings.HasPrefix(path, "credentials.") && named(m, paths, "url")) {
				t.Fatalf("mask %q changes %s", mask, path)
			}
		}
		if !maps.Equal(after.Labels, before.Labels) && !named(m, paths, "labels") {
			t.Fatalf("mask %q changes the labels", mask)
		}
		checkShown(t, after)
	})
}

// checkShown: a spec that is in order reads the same when it comes back as it is shown, with
// the password, which is not.
func checkShown(t *testing.T, c config.Camera) {
	t.Helper()
	c.EnsureDefaults()
	if c.Validate() != nil {
		return
	}
	shown := Spec(c)
	if p := c.Password.Reveal(); p != "" {
		if shown.GetCredentials().GetPassword() != "" {
			t.Fatal("the password is shown")
		}
		shown.Credentials.Password = p
	}
	back, err := NewSpec(shown)
	if err != nil {
		t.Fatalf("%v comes back as %v", shown, err)
	}
	back.EnsureDefaults()
	if got := Spec(back); !proto.Equal(got, Spec(c)) || back.Password.Reveal() != c.Password.Reveal() {
		t.Fatalf("%v comes back as %v", Spec(c), got)
	}
}

// FuzzWanted: whatever form of a picture or a tensor a client asks for, what is accepted is
// within the limits, and so is its size for a frame of any size.
func FuzzWanted(f *testing.F) {
	for _, m := range []proto.Message{
		&frameportv1.OutputSpec{Format: frameportv1.ImageFormat_IMAGE_FORMAT_NV12, Width: 640, Height: 360, Fit: frameportv1.Fit_FIT_LETTERBOX},
		&frameportv1.OutputSpec{Quality: proto.Int32(70), Crop: &frameportv1.Rectangle{X: 10, Y: 4, Width: 100, Height: 50}},
		&frameportv1.OutputSpec{Crop: &frameportv1.Rectangle{X: math.MaxInt32, Width: math.MaxInt32, Height: 1}},
		&frameportv1.OutputSpec{Width: 8192, Height: 1, Fit: frameportv1.Fit_FIT_COVER},
		&frameportv1.TensorSpec{Width: 640, Height: 640, Mean: []float32{0.485, 0.456, 0.406}, Std: []float32{0.229, 0.224, 0.225}},
		&frameportv1.TensorSpec{Width: 8192, Height: 8192, Dtype: frameportv1.TensorDtype_TENSOR_DTYPE_UINT8, Scale: proto.Float32(1)},
		&frameportv1.TensorSpec{Width: 1, Height: 1, Std: []float32{0}, Scale: proto.Float32(float32(math.Inf(1)))},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		_, tensor := m.(*frameportv1.TensorSpec)
		f.Add(b, tensor, uint16(1920), uint16(1080))
		f.Add(b, tensor, uint16(1), uint16(8192))
	}
	f.Fuzz(func(t *testing.T, b []byte, tensor bool, w, h uint16) {
		width, height := max(1, int(w)%(convert.MaxSize+1)), max(1, int(h)%(convert.MaxSize+1))
		if tensor {
			fuzzTensor(t, b, width, height)
		} else {
			fuzzOutput(t, b, width, height)
		}
	})
}

func fuzzOutput(t *testing.T, b []byte, w, h int) {
	t.Helper()
	m := &frameportv1.OutputSpec{}
	if proto.Unmarshal(b, m) != nil {
		return
	}
	o, err := Output(m)
	if err != nil {
		e, ok := errors.AsType[*OutputError](err)
		if !ok || e.Reason == "" || m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(e.Field)) == nil {
			t.Fatalf("%T: %v", err, err)
		}
		return
	}
	if err := o.Validate(); err != nil {
		t.Fatalf("%v is accepted: %v", m, err)
	}
	g, err := o.Geometry(w, h)
	if err != nil {
		return // the crop is outside, or nothing would be left
	}
	if g.Width < 1 || g.Height < 1 || g.Width > convert.MaxSize || g.Height > convert.MaxSize {
		t.Fatalf("%v of %dx%d is %dx%d", m, w, h, g.Width, g.Height)
	}
	if m.Width > 0 && m.Height > 0 && (g.Width > int(m.Width) || g.Height > int(m.Height)) {
		t.Fatalf("%v of %dx%d is %dx%d", m, w, h, g.Width, g.Height)
	}
}

func fuzzTensor(t *testing.T, b []byte, w, h int) {
	t.Helper()
	m := &frameportv1.TensorSpec{}
	if proto.Unmarshal(b, m) != nil {
		return
	}
	got, err := Tensor(m)
	if err != nil {
		e, ok := errors.AsType[*OutputError](err)
		if !ok || e.Reason == "" || e.Field != "" && m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(e.Field)) == nil {
			t.Fatalf("%T: %v", err, err)
		}
		return
	}
	if err := got.Validate(); err != nil {
		t.Fatalf("%v is accepted: %v", m, err)
	}
	if n := got.Bytes(); n < 3 || n > 3*convert.MaxSize*convert.MaxSize*4 || got.Width != int(m.Width) || got.Height != int(m.Height) {
		t.Fatalf("%v is %dx%d of %d bytes", m, got.Width, got.Height, n)
	}
	scale, bias := got.Affine()
	for c := range 3 {
		for _, v := range []float64{float64(scale[c]), float64(bias[c])} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%v scales by %v and adds %v", m, scale, bias)
			}
		}
	}
	if _, err := got.Transform(w, h); err != nil {
		t.Fatalf("%v of %dx%d: %v", m, w, h, err)
	}
}
