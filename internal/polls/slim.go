package polls

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// slim has a connection by TLS give up the buffers that it read the handshake with. crypto/tls keeps them for as long as the
// connection lives, 4 KiB since a ClientHello carries a post-quantum key, and makes them anew when it finds none. It has no way to
// ask for that, so they are taken by name: only what is a bytes.Buffer, and empty. In a Go where they are called something else
// nothing happens here, and TestSlim fails.
//
// Nobody else may be using c. It reports whether everything that came on c was read.
func slim(c *tls.Conn) (empty bool) {
	v := reflect.ValueOf(c).Elem()
	unread := v.FieldByName("input")
	if !unread.IsValid() || unread.Type() != reflect.TypeFor[bytes.Reader]() {
		return true
	}
	if toReader(unread).Len() > 0 {
		return false // what was decrypted and not read yet lies in rawInput
	}
	empty = true
	for _, name := range [...]string{"rawInput", "hand"} {
		f := v.FieldByName(name)
		if !f.IsValid() || f.Type() != reflect.TypeFor[bytes.Buffer]() {
			continue
		}
		if b := (*bytes.Buffer)(unsafe.Pointer(f.UnsafeAddr())); b.Len() == 0 {
			*b = bytes.Buffer{}
		} else {
			empty = false
		}
	}
	return empty
}

func toReader(f reflect.Value) *bytes.Reader { return (*bytes.Reader)(unsafe.Pointer(f.UnsafeAddr())) }
