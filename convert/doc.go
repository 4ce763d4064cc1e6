// Package convert is the contract for turning a frame into the picture somebody
// asked for: crop, scale, fit, colour and pixel layout. It also holds the truth:
// a plain Go implementation, slow and obvious, that every converter is compared
// with. Implementations live in sub-packages and pass the suite in converttest.
package convert
