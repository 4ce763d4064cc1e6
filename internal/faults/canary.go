package faults

import (
	"fmt"

	"github.com/frameport/frameport/internal/invariant"
)

// The login of cameras that ask for one. The password must show nowhere.
const (
	canaryUser     = "operator"
	canaryPassword = "c4n4ry/Frame port@1"
)

// canaries are the forms in which the password could get out.
func canaries() []string {
	return invariant.Canary{User: canaryUser, Realm: "Frameport camera", Password: canaryPassword, Mark: "c4n4ry"}.Forms()
}

// Secrets says where the password shows in what the worker wrote, or nil. What states
// say is looked at by each [Watch].
func (w *Worker) Secrets() error {
	for _, form := range canaries() {
		if lines := w.Log.Find(form); len(lines) > 0 {
			return fmt.Errorf("I10: the log holds a secret: %s", lines[0])
		}
	}
	return nil
}
