// Package converttest is the suite that every converter passes: the truth of
// package convert to the last bit wherever nothing is scaled, and close to it
// where something is.
package converttest
