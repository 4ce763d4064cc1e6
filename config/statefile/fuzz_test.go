package statefile

import (
	"bytes"
	"testing"

	"github.com/frameport/frameport/config"
)

// What decode accepts is exactly what encode writes.
func FuzzDecode(f *testing.F) {
	c := config.Camera{URL: "rtsp://h/x"}
	c.EnsureDefaults()
	good, err := new(encoder).encode([]config.Record{{ID: "a", Spec: c}, {ID: "b", Removed: true}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("{}\n[]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := decode(data, nil)
		if err != nil {
			return
		}
		again, err := new(encoder).encode(records)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode(again, nil); err != nil || len(back) != len(records) {
			t.Errorf("%v", err)
		}
		line, _, _ := bytes.Cut(data, []byte("\n"))
		if !bytes.HasPrefix(line, []byte(`{"format":"frameport-state","version":1,`)) {
			t.Errorf("accepted header %q", line)
		}
	})
}
