package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
	"github.com/frameport/frameport/config"
)

// PathError is a path in an update mask that is no field of CameraSpec.
type PathError struct {
	Path string
}

func (e *PathError) Error() string {
	return fmt.Sprintf("%q is no field of CameraSpec; use one of %s, or * for all", e.Path, strings.Join(slices.Sorted(maps.Keys(setters())), ", "))
}

// setter copies one field of a spec.
type setter func(to *config.Camera, from patch)

// patch is what an update says.
type patch struct {
	config.Camera
	keepPassword bool // no password given, and the stored one is to stay
	userInfo     bool // the login came inside the URL
}

func setters() map[string]setter {
	return map[string]setter{
		"url":                  setURL,
		"credentials":          setCredentials,
		"credentials.username": func(to *config.Camera, from patch) { to.Username = from.Username },
		"credentials.password": setPassword,
		"transport":            func(to *config.Camera, from patch) { to.Transport = from.Transport },
		"tls":                  func(to *config.Camera, from patch) { to.TLS = from.TLS },
		"tls.mode":             func(to *config.Camera, from patch) { to.TLS.Mode = from.TLS.Mode },
		"tls.pin_sha256":       func(to *config.Camera, from patch) { to.TLS.PinSHA256 = from.TLS.PinSHA256 },
		"labels":               func(to *config.Camera, from patch) { to.Labels = maps.Clone(from.Labels) },
		"decode":               func(to *config.Camera, from patch) { to.Decode = from.Decode },
		"decode.mode":          func(to *config.Camera, from patch) { to.Decode.Mode = from.Decode.Mode },
		"decode.max_fps":       func(to *config.Camera, from patch) { to.Decode.MaxFPS = from.Decode.MaxFPS },
		"decode.linger":        func(to *config.Camera, from patch) { to.Decode.Linger = from.Decode.Linger },
		"frame":                func(to *config.Camera, from patch) { to.Frame = from.Frame },
		"frame.max_width":      func(to *config.Camera, from patch) { to.Frame.MaxWidth = from.Frame.MaxWidth },
		"frame.max_height":     func(to *config.Camera, from patch) { to.Frame.MaxHeight = from.Frame.MaxHeight },
		"frame.ring_size":      func(to *config.Camera, from patch) { to.Frame.RingSize = from.Frame.RingSize },
		"frame.color":          func(to *config.Camera, from patch) { to.Frame.Color = from.Frame.Color },
		"frame.color.matrix":   func(to *config.Camera, from patch) { to.Frame.Color.Matrix = from.Frame.Color.Matrix },
		"frame.color.range":    func(to *config.Camera, from patch) { to.Frame.Color.Range = from.Frame.Color.Range },
		"backend":              func(to *config.Camera, from patch) { to.Backend = from.Backend },
		"device":               func(to *config.Camera, from patch) { to.Device = from.Device },
	}
}

// setURL takes the login along that came inside the URL.
func setURL(to *config.Camera, from patch) {
	to.URL = from.URL
	if from.userInfo {
		to.Username, to.Password = from.Username, from.Password
	}
}

func setCredentials(to *config.Camera, from patch) {
	to.Username = from.Username
	setPassword(to, from)
}

func setPassword(to *config.Camera, from patch) {
	if !from.keepPassword {
		to.Password = from.Password
	}
}

// Change reads an update: which fields of spec to take over (mask), and their
// values. The function that it returns makes the new spec of the present one; it
// doesn't validate it. Errors are [*PathError] for the mask and [*config.Problems]
// for the values.
func Change(spec *frameportv1.CameraSpec, mask *fieldmaskpb.FieldMask) (func(config.Camera) (config.Camera, error), error) {
	all := setters()
	var paths []string
	switch given := mask.GetPaths(); {
	case len(given) == 0:
		paths = setPaths(spec)
	case slices.Contains(given, "*"):
		paths = []string{"credentials", "url", "transport", "tls", "labels", "decode", "frame", "backend", "device"}
	default:
		paths = given
	}
	for _, path := range slices.Concat(mask.GetPaths(), paths) {
		if _, ok := all[path]; !ok && path != "*" {
			return nil, &PathError{path}
		}
	}
	values, problems := readSpec(spec)
	if err := problems.ErrorOrNil(); err != nil {
		return nil, err
	}
	from := patch{values, keepsPassword(spec), values.URL != spec.GetUrl()}
	return func(c config.Camera) (config.Camera, error) {
		c = c.Clone()
		for _, path := range paths {
			all[path](&c, from)
		}
		return c, nil
	}, nil
}

// setPaths returns the paths of all fields of spec that are set, as deep as paths
// go, so that a message with one field set changes only that one.
func setPaths(spec *frameportv1.CameraSpec) []string {
	var out []string
	known := setters()
	var walk func(m protoreflect.Message, prefix string)
	walk = func(m protoreflect.Message, prefix string) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			path := prefix + string(f.Name())
			switch {
			case path == "credentials.password_set":
				// Says something about the password that is stored already.
			case f.Message() != nil && !f.IsMap() && hasBelow(known, path):
				walk(v.Message(), path+".")
			default:
				out = append(out, path)
			}
			return true
		})
	}
	if spec != nil {
		walk(spec.ProtoReflect(), "")
	}
	slices.Sort(out)
	return out
}

func hasBelow(known map[string]setter, path string) bool {
	for k := range known {
		if strings.HasPrefix(k, path+".") {
			return true
		}
	}
	return false
}
