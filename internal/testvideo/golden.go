package testvideo

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Hashes are the MD5 sums of a clip's decoded pictures, in display order, as
// FFmpeg's framemd5 muxer writes them: over the tightly packed planes in the
// clip's own pixel format.
type Hashes struct {
	PixFmt string   // FFmpeg's name of the pixel format
	Size   int      // bytes of one picture
	MD5    []string // lower-case hexadecimal, one per picture
}

// Golden returns the hashes of the named clip. MJPEG clips have none: the inverse DCT of JPEG is not exactly specified.
func Golden(name string) (*Hashes, error) {
	m, err := ReadManifest()
	if err != nil {
		return nil, err
	}
	for _, e := range m.Clips {
		if e.Name != name {
			continue
		}
		if e.Golden == "" {
			return nil, fmt.Errorf("testvideo: clip %q has no golden hashes, %s is not bit-exact", name, e.Codec)
		}
		raw, err := files.ReadFile("clips/" + e.Golden)
		if err != nil {
			return nil, fmt.Errorf("testvideo: clip %q: %w", name, err)
		}
		return parseGolden(e, raw)
	}
	return nil, fmt.Errorf("testvideo: no clip %q, see testvideo.Names for what there is", name)
}

// parseGolden reads lines of "stream, dts, pts, duration, size, hash".
func parseGolden(e Entry, raw []byte) (*Hashes, error) {
	h := &Hashes{PixFmt: e.PixFmt}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		if len(fields) != 6 {
			return nil, fmt.Errorf("testvideo: %s: %q is no framemd5 line", e.Golden, line)
		}
		size, err := strconv.Atoi(strings.TrimSpace(fields[4]))
		if err != nil {
			return nil, fmt.Errorf("testvideo: %s: %w", e.Golden, err)
		}
		h.Size = size
		h.MD5 = append(h.MD5, strings.TrimSpace(fields[5]))
	}
	return h, lines.Err()
}
