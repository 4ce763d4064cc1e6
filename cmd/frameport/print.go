package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	frameportv1 "github.com/frameport/frameport/api/frameport/v1"
)

// printJSON writes one message as one line of JSON, with the proto's field names.
func printJSON(w io.Writer, m proto.Message) error {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

func printCamera(w io.Writer, c *frameportv1.Camera, asJSON bool, verb string) error {
	if asJSON {
		return printJSON(w, c)
	}
	_, err := fmt.Fprintf(w, "%s %s (%s)\n", verb, c.GetCameraId(), stateWord(c))
	return err
}

// printCameras writes the table of the list command.
func printCameras(w io.Writer, cameras []*frameportv1.Camera) error {
	t := newTable(w)
	t.row("CAMERA", "STATE", "CODEC", "SIZE", "FPS", "KBIT/S", "AGE", "DROPPED", "FAULT")
	for _, c := range cameras {
		t.row(cameraRow(c)...)
	}
	return t.flush()
}

// cameraRow is one camera in a table: the same columns in list and demo.
func cameraRow(c *frameportv1.Camera) []string {
	s := c.GetStatus()
	d := s.GetCounters().GetDropped()
	return []string{
		c.GetCameraId(), stateWord(c), word(s.GetCodec().String(), "CODEC_"), sizeWord(s),
		fmt.Sprintf("%.1f", s.GetDecodedFps()), fmt.Sprintf("%.0f", s.GetBitrate()/1000), ageWord(s),
		fmt.Sprint(d.GetPolicy() + d.GetNetwork() + d.GetDecode() + d.GetQueue()), faultWord(s),
	}
}

func stateWord(c *frameportv1.Camera) string {
	return word(c.GetStatus().GetState().String(), "CAMERA_STATE_")
}

// word turns an enum name into the word that people read: CODEC_H264 is H264.
func word(name, prefix string) string {
	if w := strings.TrimPrefix(name, prefix); w != "UNSPECIFIED" {
		return w
	}
	return "-"
}

func sizeWord(s *frameportv1.CameraStatus) string {
	if s.GetWidth() == 0 {
		return "-"
	}
	return fmt.Sprintf("%dx%d", s.GetWidth(), s.GetHeight())
}

func ageWord(s *frameportv1.CameraStatus) string {
	if s.GetLastFrameTime() == nil {
		return "-"
	}
	return roundAge(time.Since(s.GetLastFrameTime().AsTime()))
}

func roundAge(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func faultWord(s *frameportv1.CameraStatus) string {
	f := s.GetFault()
	if f.GetClass() == frameportv1.FaultClass_FAULT_CLASS_UNSPECIFIED {
		return "-"
	}
	return word(f.GetClass().String(), "FAULT_CLASS_") + ": " + f.GetMessage()
}

// showCamera writes every field that is set, one a line, by its path in the API.
func showCamera(w io.Writer, c *frameportv1.Camera) error {
	t := newTable(w)
	walk("", c.ProtoReflect(), func(path, value string) { t.row(path, value) })
	return t.flush()
}

// table aligns columns of text.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table {
	return table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
}

// row adds a row. Errors show at flush: tabwriter holds everything back until then.
func (t table) row(cells ...string) {
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) flush() error { return t.w.Flush() }
