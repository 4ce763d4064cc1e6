// Package retry decides how long to wait before the next attempt at a camera.
//
// The rule depends on the class of the fault. A camera that is away is asked
// again within five seconds, because most outages are short and the way back
// should be shorter; one that refuses a password is not, because it locks the
// account. The rules are in the table in rules.go. Waits are jittered, so that
// cameras that fell together do not come back together.
//
// A [Policy] belongs to one camera and one goroutine. It starts nothing and
// sleeps never: the caller waits.
package retry
