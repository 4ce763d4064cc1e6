package kservetest

import (
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMeans(t *testing.T) {
	rows := slices.Concat(
		[]byte{1, 3}, []byte{8, 8}, []byte{0, 2}, // means 2, 8, 1
		[]byte{9, 9}, []byte{0, 0}, []byte{0, 1},
	)
	got, err := Means(1, 2).Run([]int64{2, 3, 1, 2}, rows)
	if err != nil {
		t.Fatal(err)
	}
	if b := got[1].Raw; len(b) != 16 || b[0] != 1 || b[8] != 0 || !slices.Equal(got[0].Shape, []int64{2, 3}) {
		t.Errorf("%v", got)
	}
}

// What shm_open does not take is not opened.
func TestOpen(t *testing.T) {
	for _, key := range []string{"", "/", "/a/b", "/../etc/passwd", "/no such file"} {
		if _, err := open(key, 0, 1); err == nil {
			t.Errorf("%q was opened", key)
		}
	}
}
