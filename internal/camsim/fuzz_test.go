package camsim

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

func FuzzRequest(f *testing.F) {
	f.Add([]byte("DESCRIBE rtsp://127.0.0.1/cam/trackID=1 RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 2\r\n\r\nab"))
	f.Add([]byte("OPTIONS * RTSP/1.0\r\n\r\n"))
	f.Add([]byte("PLAY rtsp://[::1]:554/ RTSP/1.0\r\nContent-Length: -1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := readRequest(bufio.NewReaderSize(bytes.NewReader(data), maxLine))
		if err != nil {
			return
		}
		path, track := req.path()
		if req.method == "" || strings.HasSuffix(path, "/") || track < -1<<31 {
			t.Errorf("method %q, path %q, track %d", req.method, path, track)
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add(`Basic dTpw`)
	f.Add(`Digest username="u", realm="x", nonce="n", uri="rtsp://h/", response="0"`)
	f.Add(`Digest =,=",`)
	n := newNonce()
	f.Fuzz(func(t *testing.T, header string) {
		all := AuthBasic | AuthDigestMD5 | AuthDigestSHA256
		if v := all.check(header, "PLAY", "user", "a long password nobody guesses", n); v == loginRight {
			t.Errorf("%q logs in", header)
		}
	})
}

func FuzzJPEG(f *testing.F) {
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 0xFF, 0xD9})
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := packetizeJPEG(data)
		if err == nil && len(list) == 0 {
			t.Error("no packets and no error")
		}
		for _, p := range list {
			if len(p.payload) > maxPayload {
				t.Errorf("payload of %d bytes", len(p.payload))
			}
		}
	})
}
