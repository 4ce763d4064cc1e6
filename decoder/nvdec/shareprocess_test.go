package nvdec_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/frameport/frameport/frame"
	"github.com/frameport/frameport/gpu"
	"github.com/frameport/frameport/gpu/gputest"
)

// question is what another process is asked: to read some bytes of a region, which it maps
// when it has not done so yet, or to give its mapping back and try to map the region again.
type question struct {
	Region        frame.Region
	Offset, Bytes int64 // from slot 0 on
	Again         bool
}

// answer is what it says.
type answer struct {
	Data    []byte
	Memory  int64 // size of the whole
	Refused string
}

// other is another process, which sees no more of regions than what they say.
type other struct {
	mu  sync.Mutex // one question at a time
	in  *gob.Encoder
	out *gob.Decoder
}

func (o *other) ask(t testing.TB, q question) (a answer) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(o.in.Encode(q), o.out.Decode(&a)); err != nil {
		t.Fatalf("the other process: %v", err)
	}
	return a
}

// read returns bytes of a region.
func (o *other) read(t testing.TB, r *frame.Region, offset, n int64) []byte {
	t.Helper()
	a := o.ask(t, question{Region: *r, Offset: offset, Bytes: n})
	if a.Refused != "" {
		t.Fatalf("the other process can't map the region: %s", a.Refused)
	}
	if a.Memory < r.Offset+r.Bytes {
		t.Errorf("the memory has %d bytes, the region ends at %d", a.Memory, r.Offset+r.Bytes)
	}
	return a.Data
}

// slot returns the picture in a slot as tight I420, and its generation.
func (o *other) slot(t testing.TB, p frame.Place) (pixels []byte, generation uint64) {
	t.Helper()
	return decompose(p.Region, o.read(t, p.Region, int64(p.Slot)*p.Region.Stride, p.Region.Stride))
}

// newOther starts a process. It ends with the test, which fails when the process has left
// anything behind.
func newOther(t testing.TB) *other {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=reader", gputest.PathVariable+"="+gputest.LibraryPath(t))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil || trouble.Len() > 0 {
			t.Errorf("the other process: %v\n%s", err, trouble.String())
		}
	})
	return &other{in: gob.NewEncoder(in), out: gob.NewDecoder(out)}
}

// lazyOther starts the process when it is needed first.
func lazyOther(t testing.TB) func() *other {
	return sync.OnceValue(func() *other { return newOther(t) })
}

// playReader is the other process.
func playReader() (err error) {
	device, done, err := openDevice()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	const most = 4 << 20 // bytes at a time
	c, err := newCopier(device, most)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	open := map[string]*gpu.Imported{}
	defer func() {
		for _, memory := range open {
			err = errors.Join(err, memory.Close())
		}
	}()
	in, out := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var q question
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := reply(c, open, &q)
		if err := errors.Join(err, out.Encode(a)); err != nil {
			return err
		}
	}
}

func reply(c *copier, open map[string]*gpu.Imported, q *question) (a answer, err error) {
	r := &q.Region
	memory := open[r.Name]
	if q.Again && memory != nil {
		delete(open, r.Name)
		err, memory = memory.Close(), nil
	}
	switch {
	case err != nil:
		return a, err
	case c.device.Info().UUID != r.UUID:
		return answer{Refused: "the region is on " + r.UUID}, nil
	case memory == nil:
		if memory, err = c.device.OpenIPC([64]byte(r.Handle)); err != nil {
			return answer{Refused: err.Error()}, nil
		}
		open[r.Name] = memory
	}
	a.Memory = memory.Size()
	if q.Bytes > 0 {
		a.Data, err = c.copy(memory.Address()+gpu.Address(r.Offset+q.Offset), int(q.Bytes))
	}
	return a, err
}

// TestSharedWithAnotherProcess: what another process reads through the handle is the
// frame, as long as it is held; then it can tell that it is not any more, also when the
// memory itself is gone.
func TestSharedWithAnotherProcess(t *testing.T) {
	sim, options := open(t)
	c, cfg := load(t, "h264_720p")
	d := newDecoder(t, cfg, options)
	d.Share(1)
	var held *frame.Frame
	var where frame.Place
	var want []byte
	keep := func(f *frame.Frame) error {
		p := place(t, f) // waits until it is written
		if held == nil {
			held, want, where = f.Retain(), download(t, f), p
		}
		return nil
	}
	run(t, d, c, 0, 3, keep)
	process, slots := newOther(t), where.Region.Slots
	same := func(when string) {
		t.Helper()
		if pixels, generation := process.slot(t, where); !bytes.Equal(pixels, want) || generation != where.Generation {
			t.Errorf("%s: other pixels, or generation %d for %d", when, generation, where.Generation)
		}
	}
	same("at once")
	run(t, d, c, 3, 3+2*slots, keep)
	same("after others have been written around it")

	held.Release()
	run(t, d, c, 40, 40+2*slots, keep)
	if pixels, generation := process.slot(t, where); generation == where.Generation || bytes.Equal(pixels, want) {
		t.Errorf("after it was released and written: generation %d for %d, or the same pixels", generation, where.Generation)
	}

	if !sim.Simulated() {
		return // CUDA leaves the rest undefined
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, generation := process.slot(t, where); generation != ^uint64(0) {
		t.Errorf("after the ring has gone: generation %#x", generation)
	}
	if a := process.ask(t, question{Region: *where.Region, Again: true}); a.Refused == "" {
		t.Error("memory that is gone was opened again")
	}
}
