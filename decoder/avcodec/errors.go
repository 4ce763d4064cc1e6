package avcodec

import (
	"fmt"

	"github.com/asticode/go-astiav"
)

// Error is a failure reported by libavcodec or libswscale.
type Error struct {
	Op   string // what was tried
	Code int    // AVERROR, 0 when there is none
	Text string // what the library says
	Kind error  // the decoder package's sentinel, or nil
}

func (e *Error) Error() string {
	s := e.Op + ": " + e.Text
	if e.Kind != nil {
		s = e.Kind.Error() + ": " + s
	}
	return s
}

func (e *Error) Unwrap() error { return e.Kind }

func nativeError(op string, code int) *Error {
	return &Error{Op: op, Code: code, Text: astiav.Error(code).Error()}
}

// dotted writes libavcodec's packed version number.
func dotted(v uint) string { return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&0xFF, v&0xFF) }
