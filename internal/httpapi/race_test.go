//go:build race

package httpapi_test

// raced says that the race detector watches: sync.Pool then drops a part of what it is given, so that more is made anew.
const raced = true
