package statefile

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/internal/secret"
)

// Whatever changes of a camera, what is written says so, and the lines of the others
// stay: as if nothing were kept from one save to the next.
func TestEveryChangeIsWritten(t *testing.T) {
	var spec config.Camera
	spec.URL = "rtsp://192.0.2.1/x"
	spec.EnsureDefaults()
	other := config.Record{ID: "other", Spec: spec, Added: time.Unix(1, 0)}
	var e encoder
	written := func(what string, r ...config.Record) []byte {
		t.Helper()
		got, err := e.encode(r)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if want, err := new(encoder).encode(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, written is\n%s, want\n%s", what, err, got, want)
		}
		return got
	}
	first := config.Record{ID: "door", Spec: spec, Added: time.Unix(2, 0)}
	before := written("at first", first, other)
	fields := 0
	each(reflect.ValueOf(&spec).Elem(), "spec", func(name string, change func()) {
		fields++
		old := spec.Clone()
		change()
		if bytes.Equal(written(name, config.Record{ID: "door", Spec: spec, Added: first.Added}, other), before) {
			t.Errorf("%s: the change was not written", name)
		}
		spec = old
		if !bytes.Equal(written(name+", back", first, other), before) {
			t.Errorf("%s: what was written before can't be had again", name)
		}
	})
	if fields < 15 {
		t.Errorf("only %d fields were changed", fields)
	}
	written("added at another time", config.Record{ID: "door", Spec: spec, Added: time.Unix(3, 0)}, other)
	written("removed", config.Record{ID: "door", Removed: true}, other)
	written("gone", other)
	if len(e.lines) != 1 {
		t.Errorf("%d lines are kept for one camera", len(e.lines))
	}
	written("back", first, other)
	// What is kept is nobody else's: a map of labels that is changed later is no line.
	labels := map[string]string{"a": "b"}
	first.Spec.Labels = labels
	written("labels", first, other)
	labels["a"] = "c"
	written("labels changed in place", first, other)
}

// each calls do for every field below v, with a function that changes it.
func each(v reflect.Value, name string, do func(name string, change func())) {
	switch x := v.Addr().Interface().(type) {
	case *secret.String:
		do(name, func() { *x = secret.New("another") })
		return
	case *map[string]string:
		do(name, func() { *x = map[string]string{"another": "label"} })
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), name+"."+v.Type().Field(i).Name, do)
		}
	case reflect.String:
		do(name, func() { v.SetString(v.String() + "another") })
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		do(name, func() { v.SetInt(v.Int() + 1) })
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		do(name, func() { v.SetUint(v.Uint() + 1) })
	case reflect.Float32, reflect.Float64:
		do(name, func() { v.SetFloat(v.Float() + 1) })
	case reflect.Bool:
		do(name, func() { v.SetBool(!v.Bool()) })
	default:
		panic(fmt.Sprintf("%s has the type %v, which this test can't change", name, v.Type()))
	}
}
