package main

import (
	"fmt"
	"sort"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// walk calls f for every set scalar field below m, in the order of the proto,
// with its path and its value as people write it.
func walk(prefix string, m protoreflect.Message, f func(path, value string)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		path := prefix + string(fd.Name())
		v := m.Get(fd)
		switch {
		case fd.IsMap():
			var keys []string
			v.Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
				keys = append(keys, k.String())
				return true
			})
			sort.Strings(keys)
			for _, k := range keys {
				f(path+"."+k, v.Map().Get(protoreflect.ValueOfString(k).MapKey()).String())
			}
		case fd.IsList():
			for j := range v.List().Len() {
				f(fmt.Sprintf("%s[%d]", path, j), v.List().Get(j).String())
			}
		case fd.Message() != nil:
			if text, ok := wellKnown(v.Message().Interface()); ok {
				f(path, text)
			} else {
				walk(path+".", v.Message(), f)
			}
		case fd.Enum() != nil:
			f(path, string(fd.Enum().Values().ByNumber(v.Enum()).Name()))
		default:
			f(path, v.String())
		}
	}
}

func wellKnown(m proto.Message) (string, bool) {
	switch m := m.(type) {
	case *timestamppb.Timestamp:
		return m.AsTime().Local().Format(time.RFC3339Nano), true
	case *durationpb.Duration:
		return m.AsDuration().String(), true
	default:
		return "", false
	}
}
