package polls

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// This file looks into a tls.Conn, which has no way to ask for two things. What has come and was not read yet: a request behind
// another may lie there already, and the system has nothing more to say about it. And that it give up the buffers that it read
// the handshake and the last request with: it keeps them for as long as the connection lives, 4 KiB since a ClientHello carries a
// post-quantum key, and makes them anew when it finds none.
//
// They are found by name and taken only for what they are today. In a Go where they are called something else, or are something
// else, polls by TLS wait with net/http (Lobby.Guest), and TestSlim fails.

// places are where in a tls.Conn its buffers are: what was decrypted, what was not yet, and what belongs to a handshake.
type places struct{ input, rawInput, hand uintptr }

// placesIn looks into a tls.Conn, or into what looks like one.
func placesIn(conn reflect.Type) (p places, ok bool) {
	var known [3]bool
	p.input, known[0] = place[bytes.Reader](conn, "input")
	p.rawInput, known[1] = place[bytes.Buffer](conn, "rawInput")
	p.hand, known[2] = place[bytes.Buffer](conn, "hand")
	return p, known == [3]bool{true, true, true}
}

// place gives where conn has its own field of this name, if that is a T.
func place[T any](conn reflect.Type, name string) (offset uintptr, ok bool) {
	f, ok := conn.FieldByName(name)
	return f.Offset, ok && len(f.Index) == 1 && f.Type == reflect.TypeFor[T]()
}

// insides are the buffers of one tls.Conn. Whoever has them must be its only reader.
type insides struct {
	input          *bytes.Reader
	rawInput, hand *bytes.Buffer
}

func (p places) of(c *tls.Conn) insides {
	at := unsafe.Pointer(c)
	return insides{
		(*bytes.Reader)(unsafe.Add(at, p.input)), (*bytes.Buffer)(unsafe.Add(at, p.rawInput)), (*bytes.Buffer)(unsafe.Add(at, p.hand)),
	}
}

func (in insides) empty() bool { return in.input.Len()+in.rawInput.Len()+in.hand.Len() == 0 }

// lend has what comes next read into room, where nothing has come yet. It belongs to the connection until slim gives true.
func (in insides) lend(room []byte) {
	if in.empty() {
		*in.rawInput = *bytes.NewBuffer(room[:0])
	}
}

// slim has the connection give up its buffers, if they are empty. It reports whether they were: whether everything that came was
// read.
//
// Nothing can be lost or mixed up by that: what an empty buffer forgets stays as it is for whoever still points there.
func (in insides) slim() (empty bool) {
	if empty = in.empty(); empty {
		*in.input, *in.rawInput, *in.hand = bytes.Reader{}, bytes.Buffer{}, bytes.Buffer{}
	}
	return empty
}
