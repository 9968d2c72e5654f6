// Package crashtest kills the real program in the middle of its work, starts it again on the same files, and proves what
// the ports promise: what was answered is kept, what was stored to be sent is sent, nothing happens twice, and nothing
// is there in halves. It holds tests only.
//
// Each round is one moment to die at, met by counting what the server answered, never by waiting for some time.
package crashtest
