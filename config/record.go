package config

import "time"

// Record is what the state file keeps of one camera.
type Record struct {
	ID   string
	Spec Camera
	// Added is when the camera was added first; zero for a tombstone.
	Added time.Time
	// Removed makes the record a tombstone: a declared camera that the API removed.
	// Spec is then empty.
	Removed bool
}

// Declared is a camera from the camera file or the environment.
type Declared struct {
	ID   string
	Spec Camera
	// Origin says where it was declared, for people: "cameras.yaml:12".
	Origin string
}
