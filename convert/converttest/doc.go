// Package converttest is the suite that every converter passes: the truth of
// package convert to the last bit wherever nothing is scaled, and close to it
// where something is. Tensors and hashes have suites of their own, for converters
// that make them; tensors equal the truth scaled as well.
package converttest
