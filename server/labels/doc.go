// Package labels reads label selectors, the strings that choose cameras by their
// labels ("site=berlin,floor!=2,ptz,!hidden"). It holds values only.
package labels
