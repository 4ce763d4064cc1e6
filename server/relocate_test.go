package server

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/frameport/frameport/api/apierr"
	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
)

// A password that is stored goes nowhere else with an update that does not give it.
func TestStoredPasswordStaysWhereItWas(t *testing.T) {
	const pin, other = "b24eb7590350b9950e83091c96a8598b04de030697f158fd0eb4f7775ada8cae", "0000000000000000000000000000000000000000000000000000000000000000"
	const plain, secure = "rtsp://cam.lan/live", "rtsps://cam.lan/live"
	type spec = frameportv1.CameraSpec
	tls := func(mode frameportv1.TlsMode, pin string) *frameportv1.TlsSpec {
		return &frameportv1.TlsSpec{Mode: mode, PinSha256: pin}
	}
	login := func(password string, set bool) *frameportv1.Credentials {
		return &frameportv1.Credentials{Username: "admin", Password: password, PasswordSet: set}
	}
	for name, tt := range map[string]struct {
		url     string // before
		tls     config.TLS
		to      *spec
		mask    string
		refused bool
	}{
		"another host":                     {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live"}, refused: true},
		"another host, password kept":      {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live", Credentials: login("", true)}, refused: true},
		"the whole spec, password kept":    {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live", Credentials: login("", true)}, mask: "*", refused: true},
		"another user name":                {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live", Credentials: &frameportv1.Credentials{Username: "root"}}, refused: true},
		"a host that begins alike":         {url: plain, to: &spec{Url: "rtsp://cam.lan.example.org/live"}, refused: true},
		"another port":                     {url: plain, to: &spec{Url: "rtsp://cam.lan:8554/live"}, refused: true},
		"without TLS":                      {url: secure, to: &spec{Url: "rtsp://cam.lan:322/live"}, refused: true},
		"any certificate":                  {url: secure, to: &spec{Tls: tls(frameportv1.TlsMode_TLS_MODE_INSECURE, "")}, mask: "tls", refused: true},
		"a certificate of the caller's":    {url: secure, to: &spec{Tls: tls(frameportv1.TlsMode_TLS_MODE_PIN, pin)}, mask: "tls", refused: true},
		"another pin":                      {url: secure, tls: config.TLS{Mode: config.TLSPin, PinSHA256: pin}, to: &spec{Tls: tls(frameportv1.TlsMode_TLS_MODE_PIN, other)}, mask: "tls", refused: true},
		"a pin is not needed any more":     {url: secure, tls: config.TLS{Mode: config.TLSPin, PinSHA256: pin}, to: &spec{Tls: &frameportv1.TlsSpec{}}, mask: "tls"},
		"TLS from now on":                  {url: "rtsp://cam.lan:322/live", to: &spec{Url: secure}},
		"the same written in another way":  {url: plain, to: &spec{Url: "RTSP://CAM.lan:554/live"}},
		"another path":                     {url: plain, to: &spec{Url: "rtsp://cam.lan/sub?x=1"}},
		"something else":                   {url: plain, to: &spec{Labels: map[string]string{"a": "b"}}},
		"with the password":                {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live", Credentials: login("c4nary", false)}},
		"with another password":            {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live", Credentials: login("other", false)}},
		"with a login in the URL":          {url: plain, to: &spec{Url: "rtsp://admin:c4nary@10.9.8.7/live"}},
		"with a user name in the URL only": {url: plain, to: &spec{Url: "rtsp://admin@10.9.8.7/live"}},
		"without a password from now on":   {url: plain, to: &spec{Url: "rtsp://10.9.8.7/live"}, mask: "*"},
	} {
		t.Run(name, func(t *testing.T) {
			cameras := newFakeCameras(t, "door", "open")
			for id, password := range map[string]secret.String{"door": secret.New("c4nary"), "open": {}} {
				c := cameras.camera(id)
				c.snapshot.Spec.URL, c.snapshot.Spec.TLS = tt.url, tt.tls
				if c.snapshot.Spec.Password = password; password.IsSet() {
					c.snapshot.Spec.Username = "admin"
				}
			}
			h := newHarness(t, cameras, newFakeRenderer(10), withTokens(t))
			update := func(who, id string) error {
				r := &frameportv1.UpdateCameraRequest{CameraId: id, Spec: tt.to}
				if tt.mask != "" {
					r.UpdateMask = &fieldmaskpb.FieldMask{Paths: []string{tt.mask}}
				}
				_, err := frameportv1.NewCameraServiceClient(h.as(who)).UpdateCamera(t.Context(), r)
				return err
			}
			before, _ := cameras.Get("door")
			err := update("controller", "door")
			after, _ := cameras.Get("door")
			switch {
			case tt.refused:
				wantReason(t, err, codes.InvalidArgument, apierr.InvalidCredentials)
				if fields := apierr.Violations(err); len(fields) != 1 || fields[0].Field != "spec.credentials.password" || !strings.Contains(err.Error(), "give the password again") {
					t.Errorf("%v: %v", fields, err)
				}
				if !after.Spec.Equal(before.Spec) {
					t.Error("it was changed all the same")
				}
			case err != nil:
				t.Error(err)
			case after.Spec.Password.Reveal() == keptPassword:
				t.Error("the stored password is lost")
			}
			if tt.refused {
				// Without a password there is nothing to betray, and administrators may.
				if tt.to.GetCredentials() == nil {
					if err := update("controller", "open"); err != nil {
						t.Errorf("a camera without a password: %v", err)
					}
				}
				if err := update("boss", "door"); err != nil {
					t.Errorf("an administrator: %v", err)
				}
				if after, _ := cameras.Get("door"); after.Spec.Password.Reveal() != "c4nary" {
					t.Error("the stored password is lost")
				}
			}
		})
	}
}
