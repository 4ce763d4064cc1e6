package config_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
	"github.com/frameport/frameport/media"
)

func good() config.Camera {
	c := config.Camera{URL: "rtsp://192.0.2.1/stream"}
	c.EnsureDefaults()
	return c
}

func problemsOf(t *testing.T, err error) []config.Problem {
	t.Helper()
	if err == nil {
		return nil
	}
	p, ok := errors.AsType[*config.Problems](err)
	if !ok {
		t.Fatalf("error is %T, want *config.Problems: %v", err, err)
	}
	return p.List
}

func TestValidateAcceptsDefaults(t *testing.T) {
	c := good()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Frame.RingSize != 4 || c.Decode.Linger != 10*time.Second {
		t.Errorf("defaults: ring %d, linger %v", c.Frame.RingSize, c.Decode.Linger)
	}
}

func TestValidateFindsEachProblem(t *testing.T) {
	tests := map[string]struct {
		change func(*config.Camera)
		field  string
		reason string
		text   string
	}{
		"empty url":        {func(c *config.Camera) { c.URL = "" }, "spec.url", "INVALID_URL", "is empty"},
		"no scheme":        {func(c *config.Camera) { c.URL = "192.0.2.1/x" }, "spec.url", "INVALID_URL", "no scheme"},
		"http":             {func(c *config.Camera) { c.URL = "http://192.0.2.1/x" }, "spec.url", "INVALID_URL", `scheme "http"`},
		"tunnel":           {func(c *config.Camera) { c.URL = "wss://192.0.2.1/x" }, "spec.url", "INVALID_URL", "transport HTTP or WEBSOCKET"},
		"no host":          {func(c *config.Camera) { c.URL = "rtsp:///x" }, "spec.url", "INVALID_URL", "no host"},
		"space":            {func(c *config.Camera) { c.URL = "rtsp://h/a b" }, "spec.url", "INVALID_URL", "space"},
		"long url":         {func(c *config.Camera) { c.URL = "rtsp://h/" + strings.Repeat("x", 2048) }, "spec.url", "INVALID_URL", "1900"},
		"user info":        {func(c *config.Camera) { c.URL = "rtsp://u:p@h/x" }, "spec.url", "INVALID_CREDENTIALS", "credentials"},
		"long user":        {func(c *config.Camera) { c.Username = strings.Repeat("u", 257) }, "spec.credentials.username", "INVALID_CREDENTIALS", "257"},
		"control password": {func(c *config.Camera) { c.Username, c.Password = "u", secret.New("a\n") }, "spec.credentials.password", "INVALID_CREDENTIALS", "control"},
		"long password":    {func(c *config.Camera) { c.Username, c.Password = "u", secret.New(strings.Repeat("p", 257)) }, "spec.credentials.password", "INVALID_CREDENTIALS", "longer"},
		"password only":    {func(c *config.Camera) { c.Password = secret.New("p") }, "spec.credentials.username", "INVALID_CREDENTIALS", "user name"},
		"transport":        {func(c *config.Camera) { c.Transport = 9 }, "spec.transport", "INVALID_TRANSPORT", "MULTICAST"},
		"tls on rtsp":      {func(c *config.Camera) { c.TLS.Mode = config.TLSInsecure }, "spec.tls", "INVALID_TLS", "rtsps"},
		"tls mode":         {func(c *config.Camera) { c.TLS.Mode = 7 }, "spec.tls.mode", "INVALID_TLS", "VERIFY"},
		"pin missing":      {func(c *config.Camera) { c.URL = "rtsps://h/"; c.TLS.Mode = config.TLSPin }, "spec.tls.pin_sha256", "INVALID_TLS", "openssl"},
		"pin unused":       {func(c *config.Camera) { c.URL = "rtsps://h/"; c.TLS.PinSHA256 = "00" }, "spec.tls.pin_sha256", "INVALID_TLS", "mode PIN"},
		"pin short":        {func(c *config.Camera) { c.URL = "rtsps://h/"; c.TLS = config.TLS{Mode: config.TLSPin, PinSHA256: "ab"} }, "spec.tls.pin_sha256", "INVALID_TLS", "64"},
		"label key":        {func(c *config.Camera) { c.Labels = map[string]string{"-a": ""} }, "spec.labels", "INVALID_LABELS", `"-a"`},
		"label value":      {func(c *config.Camera) { c.Labels = map[string]string{"a": "b c"} }, "spec.labels", "INVALID_LABELS", `key "a"`},
		"decode mode":      {func(c *config.Camera) { c.Decode.Mode = 77 }, "spec.decode.mode", "INVALID_DECODE_POLICY", "KEYFRAMES"},
		"on demand":        {func(c *config.Camera) { c.Decode.Mode = config.DecodeOnDemand }, "spec.decode.mode", "DECODE_MODE_UNIMPLEMENTED", "not implemented"},
		"fps negative":     {func(c *config.Camera) { c.Decode.MaxFPS = -1 }, "spec.decode.max_fps", "INVALID_DECODE_POLICY", "-1"},
		"fps nan":          {func(c *config.Camera) { c.Decode.MaxFPS = math.NaN() }, "spec.decode.max_fps", "INVALID_DECODE_POLICY", "NaN"},
		"fps high":         {func(c *config.Camera) { c.Decode.MaxFPS = 1001 }, "spec.decode.max_fps", "INVALID_DECODE_POLICY", "1000"},
		"linger":           {func(c *config.Camera) { c.Decode.Linger = -1 }, "spec.decode.linger", "INVALID_DECODE_POLICY", "1h"},
		"width":            {func(c *config.Camera) { c.Frame.MaxWidth = -1 }, "spec.frame.max_width", "INVALID_FRAME_SPEC", "-1"},
		"height":           {func(c *config.Camera) { c.Frame.MaxHeight = 8193 }, "spec.frame.max_height", "INVALID_FRAME_SPEC", "8192"},
		"ring":             {func(c *config.Camera) { c.Frame.RingSize = 65 }, "spec.frame.ring_size", "INVALID_FRAME_SPEC", "64"},
		"ring negative":    {func(c *config.Camera) { c.Frame.RingSize = -3 }, "spec.frame.ring_size", "INVALID_FRAME_SPEC", "-3"},
		"matrix":           {func(c *config.Camera) { c.Frame.Color.Matrix = 9 }, "spec.frame.color.matrix", "INVALID_FRAME_SPEC", "BT709"},
		"range":            {func(c *config.Camera) { c.Frame.Color.Range = media.Range(9) }, "spec.frame.color.range", "INVALID_FRAME_SPEC", "FULL"},
		"backend":          {func(c *config.Camera) { c.Backend = 9 }, "spec.backend", "INVALID_BACKEND", "CUDA"},
		"device on cpu":    {func(c *config.Camera) { c.Backend, c.Device = config.BackendCPU, "0" }, "spec.device", "INVALID_DEVICE", "CPU"},
		"device":           {func(c *config.Camera) { c.Device = "a\x00" }, "spec.device", "INVALID_DEVICE", "UUID"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			list := problemsOf(t, c.Validate())
			if len(list) != 1 {
				t.Fatalf("%d problems: %v", len(list), list)
			}
			if p := list[0]; p.Field != tt.field || p.Reason != tt.reason || !strings.Contains(p.Text, tt.text) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	c := good()
	c.URL, c.Frame.MaxWidth, c.Decode.MaxFPS, c.Transport = "", -1, -1, 9
	if list := problemsOf(t, c.Validate()); len(list) != 4 {
		t.Errorf("%d problems, want 4: %v", len(list), list)
	}
}

func TestCameraID(t *testing.T) {
	for _, id := range []string{"a", "0", "front-door", "a_b", strings.Repeat("a", 63)} {
		if err := config.ValidCameraID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, text := range map[string]string{
		"": "is empty", strings.Repeat("a", 300): "300 bytes", "Front": "'F' at position 1",
		"a b": "' ' at position 2", "-a": "begins or ends", "a_": "begins or ends", "tür": "'ü' at position 2", "a\n": `'\n'`,
	} {
		list := problemsOf(t, config.ValidCameraID(id))
		if len(list) != 1 || list[0].Reason != "INVALID_CAMERA_ID" || !strings.Contains(list[0].Text, text) {
			t.Errorf("%.20q: %v, want text with %q", id, list, text)
		}
	}
}

func TestMoveUserInfo(t *testing.T) {
	tests := []struct{ in, url, user, password string }{
		{"rtsp://h/x", "rtsp://h/x", "", ""},
		{"rtsp://u:p@h:554/x?a=b", "rtsp://h:554/x?a=b", "u", "p"},
		{"rtsp://u@h/x", "rtsp://h/x", "u", ""},
		{"rtsp://u:p%40ss@h/x", "rtsp://h/x", "u", "p@ss"},
		{"rtsp://h:554/a@b", "rtsp://h:554/a@b", "", ""},
		{"rtsp://[::1]:554/a@b", "rtsp://[::1]:554/a@b", "", ""},
		{"rtsp://h/user=a&password=b@c", "rtsp://h/user=a&password=b@c", "", ""},
	}
	for _, tt := range tests {
		c := config.Camera{URL: tt.in}
		if err := c.MoveUserInfo(); err != nil {
			t.Errorf("%s: %v", tt.in, err)
		}
		if c.URL != tt.url || c.Username != tt.user || c.Password.Reveal() != tt.password {
			t.Errorf("%s: %q %q %q", tt.in, c.URL, c.Username, c.Password.Reveal())
		}
	}
	for raw, reason := range map[string]string{
		"rtsp://u:c4n@4ry@h/x": "INVALID_CREDENTIALS", "rtsp://u:c4n4ry%@h/x": "INVALID_CREDENTIALS",
		"rtsp://u:c4n/4ry@h/x": "INVALID_URL", "rtsp://u:c4n?4ry@h/x": "INVALID_URL",
	} {
		c := config.Camera{URL: raw}
		err := c.MoveUserInfo()
		if list := problemsOf(t, err); len(list) != 1 || list[0].Reason != reason ||
			!strings.Contains(list[0].Text, "percent-encode") || strings.Contains(list[0].Text, "4ry") {
			t.Errorf("%s: %v", raw, err)
		}
	}
	c := config.Camera{URL: "rtsp://u:c4n4ry@h/x", Username: "v"}
	err := c.MoveUserInfo()
	if list := problemsOf(t, err); len(list) != 1 || list[0].Reason != "INVALID_CREDENTIALS" {
		t.Errorf("both given: %v", err)
	}
	if c.URL != "rtsp://h/x" || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("login left behind: %q, %v", c.URL, err)
	}
}

func TestEqual(t *testing.T) {
	a := good()
	a.Username, a.Password, a.Labels = "u", secret.New("p"), map[string]string{"a": "b"}
	if b := a.Clone(); !a.Equal(b) || !a.SameConnection(b) {
		t.Error("a clone differs")
	}
	changes := map[string]struct {
		change     func(*config.Camera)
		connection bool
	}{
		"password":  {func(c *config.Camera) { c.Password = secret.New("q") }, false},
		"unset":     {func(c *config.Camera) { c.Password = secret.String{} }, false},
		"url":       {func(c *config.Camera) { c.URL += "2" }, false},
		"transport": {func(c *config.Camera) { c.Transport = config.TransportTCP }, false},
		"tls":       {func(c *config.Camera) { c.TLS.Mode = config.TLSInsecure }, false},
		"labels":    {func(c *config.Camera) { c.Labels["a"] = "c" }, true},
		"decode":    {func(c *config.Camera) { c.Decode.MaxFPS = 1 }, true},
		"frame":     {func(c *config.Camera) { c.Frame.RingSize = 9 }, true},
		"backend":   {func(c *config.Camera) { c.Backend = config.BackendCPU }, true},
		"device":    {func(c *config.Camera) { c.Device = "0" }, true},
	}
	for name, tt := range changes {
		b := a.Clone()
		tt.change(&b)
		if a.Equal(b) || a.SameConnection(b) != tt.connection {
			t.Errorf("%s: equal %v, same connection %v", name, a.Equal(b), a.SameConnection(b))
		}
	}
	if a.Labels["a"] != "b" {
		t.Error("a clone shares labels")
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	a := config.Camera{
		URL: "rtsps://h/x", Username: "u", Password: secret.New(""), Transport: config.TransportMulticast,
		TLS:    config.TLS{Mode: config.TLSPin, PinSHA256: strings.Repeat("ab", 32)},
		Labels: map[string]string{"site": "north"},
		Decode: config.DecodePolicy{Mode: config.DecodeKeyframes, MaxFPS: 2.5, Linger: time.Minute},
		Frame: config.FramePolicy{
			MaxWidth: 1, MaxHeight: 2, RingSize: 3,
			Color: media.Color{Matrix: media.MatrixBT601, Range: media.RangeFull},
		},
		Backend: config.BackendCUDA, Device: "GPU-1",
	}
	data, err := config.EncodeCamera(a)
	if err != nil {
		t.Fatal(err)
	}
	b, err := config.DecodeCamera(data)
	if err != nil || !a.Equal(b) {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := config.DecodeCamera([]byte(`{"url":"rtsp://h/","newer":1}`)); err == nil {
		t.Error("an unknown field was dropped silently")
	}
}

func FuzzMoveUserInfo(f *testing.F) {
	for _, s := range []string{"rtsp://u:p@h/x", "rtsp://u:p/@@h", "://@", "rtsp://[::1]@x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := config.Camera{URL: s}
		before := c.URL
		_ = c.MoveUserInfo()
		if c.Username == "" && !c.Password.IsSet() && c.URL == before {
			return
		}
		if !strings.Contains(before, "@") || len(c.URL) >= len(before) {
			t.Errorf("%q became %q", before, c.URL)
		}
	})
}
