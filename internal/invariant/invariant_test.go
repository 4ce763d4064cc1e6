package invariant

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/frame"
)

func judge(t *testing.T, name string, got []string, want string) {
	t.Helper()
	text := strings.Join(got, "; ")
	if (want == "") != (text == "") || !strings.Contains(text, want) {
		t.Errorf("%s: %q, want %q", name, text, want)
	}
}

func TestFrames(t *testing.T) {
	now := time.Now()
	at := func(epoch, sequence uint64, pts time.Duration, change func(*frame.Info)) frame.Info {
		f := frame.Info{ID: frame.ID{Epoch: epoch, Sequence: sequence}}
		f.PTS, f.Received = pts, now.Add(time.Duration(epoch)*time.Minute+pts)
		f.Published = 100*epoch + sequence
		if change != nil {
			change(&f)
		}
		return f
	}
	damaged := func(f *frame.Info) { f.Corrupt = true }
	for name, tc := range map[string]struct {
		missed bool // frames before the last one
		frames []frame.Info
		want   string
	}{
		"good":                       {false, []frame.Info{at(1, 3, 0, nil), at(1, 4, 1, nil), at(2, 1, 0, nil)}, ""},
		"counts that nobody knows":   {false, []frame.Info{at(1, 1, 0, func(f *frame.Info) { f.Published = 0 }), at(1, 2, 1, func(f *frame.Info) { f.Published = 0 })}, ""},
		"PTS stand still":            {false, []frame.Info{at(1, 1, 0, nil), at(1, 2, 0, nil)}, "I1"},
		"a number twice":             {false, []frame.Info{at(1, 1, 0, nil), at(1, 1, 5, nil)}, "I1"},
		"an older epoch":             {false, []frame.Info{at(2, 1, 0, nil), at(1, 2, 5, nil)}, "I1"},
		"a count falls":              {false, []frame.Info{at(1, 1, 0, nil), at(1, 2, 1, func(f *frame.Info) { f.Published = 1 })}, "I1"},
		"drops fall":                 {false, []frame.Info{at(1, 1, 0, func(f *frame.Info) { f.Dropped.Network = 3 }), at(1, 2, 1, nil)}, "I1"},
		"received before":            {false, []frame.Info{at(1, 1, 0, nil), at(2, 1, 0, func(f *frame.Info) { f.Received = now })}, "epochs"},
		"a damaged start":            {true, []frame.Info{at(1, 1, 0, damaged)}, "I5"},
		"a damaged start, later":     {false, []frame.Info{at(1, 1, 0, nil), at(2, 5, 0, damaged)}, "I5"},
		"perhaps not the start":      {true, []frame.Info{at(1, 1, 0, nil), at(2, 5, 0, damaged)}, ""},
		"joined in the middle":       {false, []frame.Info{at(1, 4, 0, damaged)}, ""},
		"damaged within an epoch":    {false, []frame.Info{at(1, 1, 0, nil), at(1, 2, 1, damaged)}, ""},
		"the second epoch goes back": {false, []frame.Info{at(1, 1, 0, nil), at(2, 1, 5, nil), at(2, 2, 5, nil)}, "I1"},
	} {
		var j Frames
		var got []string
		for i, f := range tc.frames {
			got = append(got, j.Next(f, !tc.missed || i < len(tc.frames)-1)...)
		}
		judge(t, name, got, tc.want)
	}
}

func TestStates(t *testing.T) {
	now := time.Now()
	in := func(s camera.State) Status { return Status{State: s} }
	respecified := Status{State: camera.StateConnecting, Respecified: true}
	waiting := Status{State: camera.StateFailed, Fault: camera.FaultStatus{Class: fault.Auth, NextAttempt: now.Add(time.Minute)}}
	tried := waiting
	tried.Counters.ConnectAttempts = 1
	asked := tried
	asked.Respecified = true
	for name, tc := range map[string]struct {
		states []Status
		by     time.Time // of the last one
		want   string
	}{
		"on to running":         {[]Status{in(camera.StateConnecting), in(camera.StateRunning)}, now, ""},
		"unseen in between":     {[]Status{in(camera.StateConnecting), in(camera.StateStalled), in(camera.StateFailed)}, now, ""},
		"back to life":          {[]Status{in(camera.StateStopped), in(camera.StateRunning)}, now, "I6"},
		"back to start":         {[]Status{in(camera.StateRunning), in(camera.StateConnecting)}, now, "I6"},
		"another address":       {[]Status{in(camera.StateRunning), respecified}, now, ""},
		"too soon":              {[]Status{waiting, tried}, now, "I7"},
		"in time":               {[]Status{waiting, tried}, now.Add(time.Hour), ""},
		"too soon, but asked":   {[]Status{waiting, asked}, now, ""},
		"still waiting":         {[]Status{waiting, waiting}, now, ""},
		"asked once, not twice": {[]Status{waiting, asked, {State: camera.StateFailed, Counters: camera.Counters{ConnectAttempts: 2}}}, now, "I7"},
		"an older epoch":        {[]Status{{Epoch: 2}, {Epoch: 1}}, now, "I1"},
	} {
		var j States
		var got []string
		for _, s := range tc.states {
			got = append(got, j.Next(s, tc.by)...)
		}
		judge(t, name, got, tc.want)
	}
}

// Whatever a camera counts is looked at, also what is added to it later.
func TestEveryCountIsJudged(t *testing.T) {
	fields := 0
	var each func(v reflect.Value, check func())
	each = func(v reflect.Value, check func()) {
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Kind() == reflect.Struct {
				each(f, check)
				continue
			}
			f.SetUint(5)
			check()
			f.SetUint(0)
			fields++
		}
	}
	var s Status
	each(reflect.ValueOf(&s.Counters).Elem(), func() {
		var j States
		j.Next(s, time.Now())
		judge(t, "a count falls", j.Next(Status{}, time.Now()), "I1")
	})
	if want := len(counts(s.Counters)); fields != want {
		t.Errorf("%d counts, %d judged", fields, want)
	}
}

func TestCanaryForms(t *testing.T) {
	forms := strings.Join(Canary{"Mufasa", "testrealm@host.com", "Circle Of Life", "Circle"}.Forms(), " ")
	for name, want := range map[string]string{
		"digest of RFC 2617": "939e7578ed9e3c518a452acee763bce9",
		"a part":             "Circle",
		"basic":              "TXVmYXNhOkNpcmNsZSBPZiBMaWZl",
		"base64":             "Q2lyY2xlIE9mIExpZmU=",
	} {
		if !strings.Contains(forms, want) {
			t.Errorf("%s: %q is not among %q", name, want, forms)
		}
	}
}
