// Package shelf keeps host memory for converters whose results come in several shapes:
// a frame.Pool keeps only one. It starts no goroutines.
package shelf
