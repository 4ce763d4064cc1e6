package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/frameport/frameport/gpu"
)

// openIPC is the command of the second process: handle and offset follow.
const openIPC = "open-ipc"

const (
	ipcOffset = 3<<20 + 512 // within the second unit of the allocation
	ipcBytes  = 1 << 20
)

// ipcResult says whether another process reads a ring's memory.
type ipcResult struct {
	Allocation int64  `json:"allocation_bytes"`
	Seen       string `json:"seen_by_second_process"`
	Want       string `json:"written"`
	Equal      bool   `json:"equal"`
}

// checkIPC writes a pattern into device memory and has a second process hash it.
func checkIPC(ctx context.Context, b bundle) (result, error) {
	return withLab(b, func(l *lab) (r *ipcResult, err error) {
		use := gpu.Use{Purpose: gpu.PurposeOther}
		// A neighbour before it, so that a base that is not the allocation's shows.
		first, err := l.device.Alloc(gpu.Granularity, use)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, first.Close()) }()
		memory, err := l.device.Alloc(4*gpu.Granularity, use)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, memory.Close()) }()
		want, err := l.write(memory.Address() + ipcOffset)
		if err != nil {
			return nil, err
		}
		handle, err := memory.IPCHandle()
		if err != nil {
			return nil, err
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args := append(append([]string{openIPC}, b.arguments()...), hex.EncodeToString(handle[:]), strconv.Itoa(ipcOffset))
		cmd := exec.CommandContext(ctx, self, args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		r = &ipcResult{Allocation: memory.Size(), Want: want, Seen: strings.TrimSpace(string(out))}
		r.Equal = r.Seen == r.Want
		switch {
		case err != nil:
			return r, fmt.Errorf("second process: %w: %s", err, said.String())
		case !r.Equal:
			return r, errors.New("the second process sees something else")
		}
		return r, nil
	})
}

// write puts a pattern there and returns its hash.
func (l *lab) write(at gpu.Address) (hash string, err error) {
	err = l.staged(func(stream *gpu.Stream, pinned *gpu.Pinned) error {
		for i := range pinned.Bytes() {
			pinned.Bytes()[i] = byte(i*7 + i>>8)
		}
		sum := sha256.Sum256(pinned.Bytes())
		hash = hex.EncodeToString(sum[:])
		return errors.Join(l.device.CopyFromHost2D(stream,
			gpu.DevicePlane{Address: at, Pitch: ipcBytes}, gpu.HostPlane{Memory: pinned, Pitch: ipcBytes}, ipcBytes, 1), stream.Synchronize())
	})
	return hash, err
}

// staged lends a stream and pinned memory.
func (l *lab) staged(use func(*gpu.Stream, *gpu.Pinned) error) (err error) {
	other := gpu.Use{Purpose: gpu.PurposeOther}
	stream, err := l.device.NewStream(other)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	pinned, err := l.device.AllocPinned(ipcBytes, other)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pinned.Close()) }()
	return use(stream, pinned)
}

// openHandle is the second process: it prints the hash of what it sees.
func openHandle(b bundle, handle, offset string) (err error) {
	raw, err := hex.DecodeString(handle)
	if err != nil || len(raw) != 64 {
		return fmt.Errorf("%q is no IPC handle", handle)
	}
	at, err := strconv.Atoi(offset)
	if err != nil {
		return err
	}
	l, err := openLab(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	imported, err := l.device.OpenIPC([64]byte(raw))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, imported.Close()) }()
	return l.staged(func(stream *gpu.Stream, pinned *gpu.Pinned) error {
		err := errors.Join(l.device.CopyToHost2D(stream,
			gpu.HostPlane{Memory: pinned, Pitch: ipcBytes}, gpu.DevicePlane{Address: imported.Address() + gpu.Address(at), Pitch: ipcBytes}, ipcBytes, 1), stream.Synchronize())
		sum := sha256.Sum256(pinned.Bytes())
		fmt.Println(hex.EncodeToString(sum[:]))
		return err
	})
}

func (r *ipcResult) print(w io.Writer) {
	fmt.Fprintf(w, "%d bytes of an allocation of %s, read by a second process: equal %v\n", ipcBytes, mebi(r.Allocation), r.Equal)
}
