package gpu

// Event marks a place in a stream. It does not measure time, and a goroutine that
// waits for it sleeps.
type Event struct{ object }

// NewEvent makes an event. Until it is recorded it counts as having happened.
func (d *Device) NewEvent(use Use) (*Event, error) {
	if err := d.usable("cuEventCreate"); err != nil {
		return nil, err
	}
	handle, code := d.primary.eventCreate()
	if code != codeSuccess {
		return nil, d.Check("cuEventCreate for "+use.String(), code)
	}
	return &Event{d.made(use, handle)}, nil
}

// Record puts the event at the stream's present end, in place of where it was.
func (e *Event) Record(s *Stream) error {
	const op = "cuEventRecord"
	if err := e.usable(op); err != nil {
		return err
	}
	if err := s.usable(op); err != nil {
		return err
	}
	return e.device.Check(op, e.device.primary.eventRecord(e.handle, s.handle))
}

// Query says whether the stream has passed the event.
func (e *Event) Query() (bool, error) {
	const op = "cuEventQuery"
	if err := e.usable(op); err != nil {
		return false, err
	}
	code := e.device.primary.eventQuery(e.handle)
	if code == codeNotReady {
		return false, nil
	}
	err := e.device.Check(op, code)
	return err == nil, err
}

// Synchronize waits until the stream has passed the event.
func (e *Event) Synchronize() error {
	const op = "cuEventSynchronize"
	if err := e.usable(op); err != nil {
		return err
	}
	return e.device.Check(op, e.device.primary.eventSynchronize(e.handle))
}

// Close destroys the event, once.
func (e *Event) Close() error {
	return e.close("cuEventDestroy for "+e.use.String(), e.device.primary.eventDestroy)
}
