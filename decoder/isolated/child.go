package isolated

import (
	"fmt"
	"os"
	"strings"

	"github.com/frameport/frameport/decoder"
)

// Argument is the only argument of a child's command line.
const Argument = "decoder-process"

// IsChild says whether a command line is that of a child. Programs whose hosts use their
// own executable ask first of all, and end with the status of [Main].
func IsChild(args []string) bool { return len(args) == 2 && args[1] == Argument }

// controlFile is the child's end of the socket over which decoders' sockets come.
const controlFile = 3

// hello is a child's first word: it is ready, and locked in.
const hello = 'h'

// NewDecoder makes a decoder in the child. Its pictures that other processes can map
// reach the worker without a copy.
type NewDecoder func(decoder.Config) (decoder.Decoder, error)

// Main is the child: it gives up what it does not need and decodes until the worker ends
// or ends it. It returns the status to exit with.
func Main(create NewDecoder) int {
	if err := child(create); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(create NewDecoder) error {
	places, err := inherit()
	if err != nil {
		return err
	}
	if err := limit(places); err != nil {
		return err
	}
	if err := confine(); err != nil {
		return err
	}
	control := &socket{fd: controlFile}
	if _, err := control.Write([]byte{hello}); err != nil {
		return fmt.Errorf("the worker's socket: %w", err)
	}
	for {
		var word [1]byte
		fd, err := control.receive(word[:])
		if err != nil || fd < 0 {
			// The worker is gone, or wants us gone. Calls into a codec library can't be
			// ended: the process ends under them.
			return nil //nolint:nilerr // that is how a child ends
		}
		go func() {
			s := &session{conn: &socket{fd: fd}, create: create}
			if err := s.run(); err != nil {
				_, _ = fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
			}
		}()
	}
}
