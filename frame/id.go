package frame

// ID orders the frames of one camera. The zero ID is before every frame.
type ID struct {
	Epoch    uint64 // rises with every (re)connect and format change, from 1
	Sequence uint64 // rises by one per decoded frame within an epoch, from 1
}

// After reports whether i is newer than o.
func (i ID) After(o ID) bool {
	return i.Epoch > o.Epoch || (i.Epoch == o.Epoch && i.Sequence > o.Sequence)
}
