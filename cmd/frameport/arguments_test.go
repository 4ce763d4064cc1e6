package main

import (
	"strings"
	"testing"
)

func TestMaskArguments(t *testing.T) {
	t.Parallel()
	for arg, shown := range map[string]string{
		"rtsp://u:secret@h/x":                       "rtsp://u:******@h/x",
		"rtsp://u:se/cr@et:@h:554/x":                "rtsp://u:*********@h:554/x",
		"rtsp://u:a b\n@h/x":                        "rtsp://u:****@h/x",
		"--url=rtsps://:secret@h/x":                 "--url=rtsps://:******@h/x",
		"rtsp://h/x?user=u&password=secret&a=1":     "rtsp://h/x?user=u&password=******&a=1",
		"rtsp://h/user=u_password=secret_channel=1": "rtsp://h/user=u_password=****************",
		"rtsp://u:secret@h/x?loginpas=other":        "rtsp://u:******@h/x?loginpas=*****",
		"rtsp://u@h/x":                              "rtsp://u@h/x",
		"--token=fpt_abc-D_9":                       "--token=fpt_*******",
		"rtsp://h:554/x":                            "rtsp://h:554/x",
		"rtsp://[2001:db8::1]:554/x@1":              "rtsp://[2001:*************@1", // too much is no harm
		"name@host":                                 "name@host",
		"":                                          "",
	} {
		original := strings.Clone(arg) // in memory that may be written
		args := []string{original}
		maskArguments(args)
		if args[0] != arg {
			t.Errorf("the program sees %q instead of %q", args[0], arg)
		}
		if original != shown {
			t.Errorf("%q is listed as %q, want %q", arg, original, shown)
		}
	}
}

func TestMaskText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"unexpected argument rtsp://u:se/cr@et:@h/x, did you mean y?": "unexpected argument rtsp://u:***@h/x, did you mean y?",
		"use rtsp://HOST:554/x (@ as %40)":                            "use rtsp://HOST:554/x (@ as %40)",
		"unknown flag --token=fpt_abc-D_9":                            "unknown flag --token=fpt_***",
		"no worker answers at 127.0.0.1:50051":                        "no worker answers at 127.0.0.1:50051",
	} {
		if got := maskText(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
