// Package telemetry makes the worker's log and its metrics: slog for people on
// terminals and for programs elsewhere, and a Prometheus registry of its own.
//
// Metrics of cameras are read from the manager's snapshots when Prometheus asks, so
// they are right at that moment, cost nothing between, and vanish with the camera.
// Their only label that comes from outside is the camera's id; addresses and
// passwords appear nowhere. What happens between two scrapes (calls, frames sent) is
// counted through methods that fit the hooks of packages server and httpapi.
//
// The package starts no goroutines.
package telemetry
