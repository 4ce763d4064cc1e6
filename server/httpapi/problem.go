package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/frameport/frameport/api/apierr"
	"github.com/frameport/frameport/camera"
	"github.com/frameport/frameport/config"
	"github.com/frameport/frameport/fault"
	"github.com/frameport/frameport/server/mapping"
)

// problem is the body of an error answer.
type problem struct {
	Reason     apierr.Reason `json:"reason"`
	Message    string        `json:"message"`
	Field      string        `json:"field,omitempty"`
	Camera     string        `json:"camera,omitempty"`
	State      string        `json:"state,omitempty"`
	FaultClass string        `json:"fault_class,omitempty"`
}

// fail answers with a problem.
func fail(w http.ResponseWriter, r *http.Request, code int, p problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // the client may be gone
	}
}

func failNotFound(w http.ResponseWriter, r *http.Request, id string) {
	fail(w, r, http.StatusNotFound, problem{Reason: apierr.CameraNotFound, Message: "no camera has this id; / lists those that exist", Camera: id})
}

// failNoFrame answers for a camera that has no frame yet.
func failNoFrame(w http.ResponseWriter, r *http.Request, c camera.Snapshot) {
	if c.Spec.Decode.Mode == config.DecodeNone {
		fail(w, r, http.StatusConflict, problem{Reason: apierr.DecodeDisabled, Message: "the camera's decode mode is NONE, so it has no frames", Camera: c.ID})
		return
	}
	p := problem{Reason: apierr.NoFrameYet, Message: "no frame yet", Camera: c.ID, State: mapping.State(c.State).String()}
	if c.Fault.Class != fault.None {
		p.FaultClass = mapping.FaultClass(c.Fault.Class).String()
		p.Message += ": " + c.Fault.Message
	}
	wait := min(max(time.Until(c.Fault.NextAttempt), time.Second), 10*time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	fail(w, r, http.StatusServiceUnavailable, p)
}

// failOutput answers for parameters that are wrong.
func failOutput(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Reason: apierr.InvalidSize, Message: err.Error()}
	if e, ok := errors.AsType[*mapping.OutputError](err); ok {
		p.Reason, p.Field, p.Message = e.Reason, queryName(e.Field), queryName(e.Field)+": "+e.Text
	}
	if e, ok := errors.AsType[*paramError](err); ok {
		p.Reason, p.Field = e.reason, e.name
	}
	fail(w, r, http.StatusBadRequest, p)
}

// queryName is the name that an output's field has in a query.
func queryName(field string) string {
	switch field {
	case "width":
		return "w"
	case "height":
		return "h"
	default:
		return field
	}
}
