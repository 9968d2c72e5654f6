package main

import "net/http"

// endChunked closes the connection behind a request whose body came in chunks. If the request had a Content-Length as well, its
// end is elsewhere for whoever goes by that, such as a proxy, and a second request hides behind the first; that there was one
// net/http does not say, and RFC 9112 §6.1 wants the connection closed then. Clients that know how long their body is, as all
// that are published do, lose nothing.
func endChunked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
