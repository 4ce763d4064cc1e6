// Package config holds the plain structs that Frameport is configured with, and
// the files and environment variables they come from. Nothing here connects,
// starts or owns anything.
package config
