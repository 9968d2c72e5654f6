// Package arch holds the laws of the house as tests: who may import whom, where a clock, the environment or a goroutine
// may be touched, how long a file may grow, and that the documents name what exists. It contains no other code.
package arch
