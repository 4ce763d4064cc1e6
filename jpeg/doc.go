// Package jpeg is the contract for JPEG encoders. Implementations live in
// sub-packages and pass the suite in jpegtest.
package jpeg
