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
