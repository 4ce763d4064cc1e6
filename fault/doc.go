// Package fault classifies what can go wrong with a camera. The class decides
// how long to wait before the next attempt and what an operator reads first.
package fault
