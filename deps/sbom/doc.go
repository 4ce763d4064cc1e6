// Command sbom writes what a binary of this project is made of, as CycloneDX JSON:
//
//	make sbom        writes build/frameport.cdx.json
//
// Go modules are read from the binary itself, their licences from the module cache. The
// native libraries that are linked statically, and the headers that it was compiled with,
// are asked of pkg-config in the build environment. A module whose licence it does not
// recognise is an error, so that somebody looks.
package main
