package main

import (
	"testing"
	"time"

	"github.com/frameport/frameport/backend"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/frame"
)

func TestInstance(t *testing.T) {
	started := time.Now().Add(-time.Hour)
	i := newInstance(started, &backend.Backend{}, config.Worker{MaxCameras: 7}, &frame.Account{}, &access{insecure: true})
	w := i.worker()
	if !w.GetStartTime().AsTime().Equal(started) || w.GetUptime().AsDuration() < time.Hour || w.GetLimits().GetMaxCameras() != 7 || w.GetInstanceId() == "" || !w.GetAccess().GetInsecure() || w.GetAccess().GetTls() {
		t.Errorf("%v", w)
	}
	if j := newInstance(started, &backend.Backend{}, config.Worker{}, nil, &access{}); j.id == i.id {
		t.Error("two runs of the worker can't be told apart")
	}
}

// Whoever wants a login shows strangers no list of what there is to call.
func TestReflectionGoesWithTheLogin(t *testing.T) {
	for want, settings := range map[bool][]config.Worker{
		true:  {{}, {TLS: config.ListenerTLS{Cert: "/c", Key: "/k"}}, {AuthFile: "/f", Reflection: true}},
		false: {{AuthFile: "/f"}, {TLS: config.ListenerTLS{Cert: "/c", Key: "/k", ClientCA: "/a"}}},
	} {
		for _, s := range settings {
			if got := newInstance(time.Now(), &backend.Backend{}, s, nil, &access{}).reflection; got != want {
				t.Errorf("%+v: reflection is %v", s, got)
			}
		}
	}
}
