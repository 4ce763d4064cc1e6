package gpu

// Stream is a queue of work for the device. Work on one stream runs in order,
// work on different streams at the same time. Streams here never wait for the
// driver's default stream, which nobody in this program uses.
type Stream struct{ object }

// NewStream makes a stream. Each costs some memory: one per camera, not per frame.
func (d *Device) NewStream(use Use) (*Stream, error) {
	if err := d.usable("cuStreamCreate"); err != nil {
		return nil, err
	}
	handle, code := d.primary.streamCreate()
	if code != codeSuccess {
		return nil, d.Check("cuStreamCreate for "+use.String(), code)
	}
	return &Stream{d.made(use, handle)}, nil
}

// Synchronize waits until everything queued so far is done, and returns what went
// wrong on the way.
func (s *Stream) Synchronize() error {
	const op = "cuStreamSynchronize"
	if err := s.usable(op); err != nil {
		return err
	}
	return s.device.Check(op, s.device.primary.streamSynchronize(s.handle))
}

// Wait makes what is queued from now on wait for the event's last record, without
// making the caller wait.
func (s *Stream) Wait(e *Event) error {
	const op = "cuStreamWaitEvent"
	if err := s.usable(op); err != nil {
		return err
	}
	if err := e.usable(op); err != nil {
		return err
	}
	return s.device.Check(op, s.device.primary.streamWait(s.handle, e.handle))
}

// Close destroys the stream, once. Work that is queued still runs.
func (s *Stream) Close() error {
	return s.close("cuStreamDestroy for "+s.use.String(), s.device.primary.streamDestroy)
}
