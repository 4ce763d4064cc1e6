package server

import (
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// generator makes messages as hostile clients do.
type generator struct {
	*rand.Rand
	ids []string // of cameras
}

// request is a message on the wire: random throughout, or a sound one with something
// broken.
func (g *generator) request(of protoreflect.MessageDescriptor, sound proto.Message) []byte {
	good, err := proto.Marshal(sound)
	if err != nil {
		panic(err)
	}
	switch g.IntN(8) {
	case 0:
		return g.noise(200)
	case 1: // bits flipped
		for range 1 + g.IntN(4) {
			if len(good) > 0 {
				good[g.IntN(len(good))] ^= 1 << g.IntN(8)
			}
		}
		return good
	case 2:
		return good[:g.IntN(len(good)+1)]
	case 3: // the largest that is taken, and larger
		text := strings.Repeat("x", MaxRequestBytes-len(good)-16+g.IntN(64))
		return protowire.AppendString(protowire.AppendTag(good, 9999, protowire.BytesType), text)
	case 4: // all fields twice: the last one counts, messages are merged
		return append(good, good...)
	default:
		m := dynamicpb.NewMessage(of)
		if g.IntN(2) == 0 {
			_ = proto.Unmarshal(good, m)
		}
		g.fill(m, 0)
		raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil { // a text is not UTF-8: the client would not send it, so write it by hand
			field := protowire.Number(1 + g.IntN(4))
			return protowire.AppendString(protowire.AppendTag(good, field, protowire.BytesType), "\xff\xfe")
		}
		return raw
	}
}

func (g *generator) noise(most int) []byte {
	b := make([]byte, g.IntN(most))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// fill sets some fields of m to what they could not be meant for.
func (g *generator) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if g.IntN(3) == 0 || depth > 6 {
			continue
		}
		switch {
		case f.IsMap():
			entries := m.Mutable(f).Map()
			for range g.IntN(5) {
				if f.MapValue().Message() == nil {
					entries.Set(g.scalar(f.MapKey()).MapKey(), g.scalar(f.MapValue()))
				}
			}
		case f.IsList():
			list := m.Mutable(f).List()
			for range g.count() {
				if f.Message() != nil {
					e := list.NewElement()
					g.fill(e.Message(), depth+3)
					list.Append(e)
				} else {
					list.Append(g.scalar(f))
				}
			}
		case f.Message() != nil:
			g.fill(m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, g.scalar(f))
		}
	}
}

func (g *generator) count() int {
	if g.IntN(20) == 0 {
		return 2000
	}
	return g.IntN(4)
}

// pick is one of several values.
func pick[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }

func (g *generator) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(g.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pick(g, -1, 0, 1, 2, 3, 77, math.MaxInt32, math.MinInt32)))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(pick[int32](g, 0, 1, -1, 64, 65, 8192, 999_999_999, 1_000_000_000, math.MaxInt32, math.MinInt32, int32(g.Uint32())))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(pick(g, 0, 1, math.MaxUint32, g.Uint32()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(pick(g, 0, 1, -1, math.MaxInt64, math.MinInt64, 315576000001, int64(g.Uint64())))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(pick(g, 0, 1, math.MaxUint64, g.Uint64()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(g.float()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(g.float())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(g.noise(1000))
	default:
		return protoreflect.ValueOfString(g.text())
	}
}

func (g *generator) float() float64 {
	return pick(g, 0, math.Copysign(0, -1), 1, -1, 1e-300, 1e300, 1000, 1001, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64)
}

func (g *generator) text() string {
	if g.IntN(2) == 0 {
		return g.ids[g.IntN(len(g.ids))]
	}
	return pick(g, "", "\x00", "\xff\xfe", "../../etc/passwd", strings.Repeat("x", 300), strings.Repeat("é", 30_000), "a=b", "!a,b in (c,d", "a in (", "%n%s",
		"rtsp://192.0.2.1/", "rtsp://u:p@[::1%25lo]/", "file:///etc/passwd", "rtsp://"+strings.Repeat("a.", 500), "\u202e\u0000", "1:", "MTo", "url", "credentials.password", string(g.noise(50)))
}
