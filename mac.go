package latchkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// A macKey is a key of HMAC-SHA-256 (RFC 2104). It keeps states that have taken in the key already: of the four blocks that
// a short message takes, the key's are two. It is safe for concurrent use.
type macKey struct{ states *sync.Pool } // of *macState

// A macState is one computation, with space for what goes in and what comes out.
type macState struct {
	hash hash.Hash
	in   []byte
	out  [sha256.Size]byte
}

func newMACKey(key []byte) macKey {
	return macKey{&sync.Pool{New: func() any { return &macState{hash: hmac.New(sha256.New, key), in: make([]byte, 0, 128)} }}}
}

// sum gives the MAC of what write appends.
func (k macKey) sum(write func([]byte) []byte) [sha256.Size]byte {
	st, _ := k.states.Get().(*macState) // the pool holds nothing else
	defer k.states.Put(st)
	st.in = write(st.in[:0])
	st.hash.Reset()
	st.hash.Write(st.in)
	st.hash.Sum(st.out[:0])
	return st.out
}
