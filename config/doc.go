// Package config holds the plain structs that Frameport is configured with, and
// the files and environment variables they come from. Nothing here connects,
// starts or owns anything; all functions may be called from any goroutine.
//
// [Camera] is one camera's specification, [Worker] the process's own settings.
// Both follow the same steps: fill the struct, EnsureDefaults, Validate. Validate
// reports every problem at once as [*Problems], each with a field path, a stable
// reason and a text that says what to do.
//
// # Where cameras come from
//
// Cameras are declared in a YAML file ([ReadFile]) or in CAMERA_URL_n variables
// ([FromEnviron]), or they are added through the API. What the API did is kept in
// the state file (package statefile) as [Record] values. See Note: [Who owns a
// camera].
//
// # Note: [Who owns a camera]
//
//   - A declared camera that the API never touched follows its declaration at
//     every start: change the file, restart, and the change is in force. It is not
//     in the state file.
//   - A camera that was added or changed through the API is in the state file, and
//     the state file wins over a declaration of the same id until the camera is
//     removed through the API.
//   - A declared camera that was removed through the API stays removed: the state
//     file keeps a tombstone, and every start says so in one line of log. Adding the
//     camera through the API, or taking it out of the declaration and starting
//     once, ends the tombstone.
//   - A camera that is neither declared nor in the state file does not exist.
//
// # Secrets
//
// Passwords live in [secret.String] and in two files: the YAML file, refused when
// other users can read it while it holds a password, and the state file, refused
// when group or others can. Errors name fields and lines, never values that may
// hold a password; the text of a file is never quoted.
package config
