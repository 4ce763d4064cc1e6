package kernels_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/frameport/frameport/gpu/kernels"
	"github.com/frameport/frameport/gpu/kernels/hostkernels"
)

// TestFresh: the committed PTX, and the CPU code, were made from these sources.
func TestFresh(t *testing.T) {
	sum := sha256.New()
	for _, name := range []string{"kernels.cu", "device.h", "params.h"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(raw)
	}
	want := hex.EncodeToString(sum.Sum(nil))
	for _, arch := range []string{"sm_75", "sm_60"} {
		name := "kernels_" + strings.ReplaceAll(arch, "_", "") + ".ptx"
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ptx := string(raw)
		if first, _, _ := strings.Cut(ptx, "\n"); !strings.HasSuffix(first, want) {
			t.Errorf("%s was made from other sources. Run: make generate", name)
		}
		if !strings.Contains(ptx, "\n.target "+arch+"\n") {
			t.Errorf("%s is not for %s", name, arch)
		}
		// Local memory of all threads that can be resident is taken from the device.
		if strings.Contains(ptx, ".local ") || strings.Contains(ptx, "__local_depot") {
			t.Errorf("%s uses local memory", name)
		}
		if strings.Contains(ptx, ".extern") || strings.IndexByte(ptx, 0) >= 0 {
			t.Errorf("%s needs other code or has a NUL", name)
		}
	}
	if hostkernels.Source() != want {
		t.Error("package hostkernels was compiled from other sources. Run: make generate")
	}
}

// TestLayout compares the mirrors with params.h.
func TestLayout(t *testing.T) {
	for _, mirror := range []any{
		kernels.Picture{},
		kernels.View{},
		kernels.RGB{},
		kernels.JFIF420{},
		kernels.Gray8{},
		kernels.Copy{},
		kernels.Resize{},
		kernels.Tensor{},
		kernels.Hash{},
	} {
		typ := reflect.TypeOf(mirror)
		size, offsets := hostkernels.Layout(typ.Name())
		if int64(typ.Size()) != size {
			t.Errorf("%s has %d bytes, in C %d", typ.Name(), typ.Size(), size)
		}
		if typ.NumField() != len(offsets) {
			t.Errorf("%s has %d fields, in C %d", typ.Name(), typ.NumField(), len(offsets))
			continue
		}
		for i, at := range offsets {
			if f := typ.Field(i); int64(f.Offset) != at {
				t.Errorf("%s.%s is at %d, in C at %d", typ.Name(), f.Name, f.Offset, at)
			}
		}
	}
}
