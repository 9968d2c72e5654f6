package polls

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// This file looks into a tls.Conn, which has no way to ask for two things. What has come and was not read yet: a request behind
// another may lie there already, and the system has nothing more to say about it. And that it give up the buffers that it read
// the handshake with: it keeps them for as long as the connection lives, 4 KiB since a ClientHello carries a post-quantum key, and
// makes them anew when it finds none.
//
// They are found by name and taken only for what they are today. In a Go where they are called something else, or are something
// else, polls by TLS wait with net/http (Lobby.Guest), and TestSlim fails.

// insides are the buffers of a tls.Conn: what was decrypted, what was not yet, and what belongs to a handshake.
type insides struct {
	input          *bytes.Reader
	rawInput, hand *bytes.Buffer
}

// insidesOf looks into a tls.Conn, or into what looks like one.
func insidesOf(v reflect.Value) (in insides, ok bool) {
	in = insides{own[bytes.Reader](v, "input"), own[bytes.Buffer](v, "rawInput"), own[bytes.Buffer](v, "hand")}
	return in, in.input != nil && in.rawInput != nil && in.hand != nil
}

// own gives v's own field of this name if it is a T, or else nil.
func own[T any](v reflect.Value, name string) *T {
	f, ok := v.Type().FieldByName(name)
	if !ok || len(f.Index) != 1 || f.Type != reflect.TypeFor[T]() {
		return nil
	}
	return (*T)(unsafe.Pointer(v.FieldByIndex(f.Index).UnsafeAddr()))
}

// transparent reports whether a tls.Conn of this Go can be looked into.
func transparent() bool {
	_, ok := insidesOf(reflect.ValueOf(new(tls.Conn)).Elem())
	return ok
}

func (in insides) empty() bool { return in.input.Len()+in.rawInput.Len()+in.hand.Len() == 0 }

// slim has c give up its buffers, if they are empty. It reports whether they were: whether everything that came on c was read.
// Nobody else may be using c.
//
// Nothing can be lost or mixed up by that: what an empty buffer forgets stays as it is for whoever still points there.
func slim(c *tls.Conn) (empty bool) {
	in, ok := insidesOf(reflect.ValueOf(c).Elem())
	if empty = ok && in.empty(); empty {
		*in.rawInput, *in.hand = bytes.Buffer{}, bytes.Buffer{}
	}
	return empty
}
