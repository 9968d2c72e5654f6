package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// A shape is one request, or what looks like one or two, and the statuses that are right for it.
type shape struct {
	name    string
	request string
	right   []int // of the first answer; 0: the connection is closed without one
	only    bool  // there must be no second answer: somebody in front of the server would take it for another's
}

// quiet is how long nothing must come for there to be no second answer.
const quiet = 500 * time.Millisecond

// send gives what is wrong about the answers to the shape, or "".
func (sh shape) send(host string) string {
	conn, err := net.DialTimeout("tcp", host, callTimeout)
	if err != nil {
		return "could not be sent: " + err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(callTimeout)) // an error shows in what follows
	// What is refused early is not read to its end, so that writing it fails, and that is as it should be.
	_, _ = io.WriteString(conn, sh.request)
	r := bufio.NewReader(conn)
	a, err := readAnswer(r)
	if err != nil {
		a.status = 0
	}
	if !slices.Contains(sh.right, a.status) {
		return fmt.Sprintf("was answered %d, not %v", a.status, sh.right)
	}
	if a.status >= 400 && a.head("Content-Type") == "application/json" && a.member("error.code") == "" {
		return fmt.Sprintf("was answered %v, which is no envelope", a)
	}
	if !sh.only || a.status == 0 {
		return ""
	}
	_ = conn.SetDeadline(time.Now().Add(quiet))
	if b, err := readAnswer(r); err == nil {
		return fmt.Sprintf("was answered %d, and what stood behind it was answered %d", a.status, b.status)
	}
	return ""
}

// shapes are what is tried, on the start call, which would send a message.
func shapes(host, project string) []shape {
	path := "/api/login/email/request?projectId=" + project
	const body = `{"email":"smuggled@example.com"}`
	hidden := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, host, len(body), body)
	with := func(line, content string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s\r\n\r\n%s", path, host, line, content)
	}
	const empty = "0\r\n\r\n"
	bad := []int{400, 501}
	out := []shape{
		// Where does the body end? A proxy that reads one length and a server that reads the other let one request hide in another.
		{"Content-Length and chunked", with(fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked", len(empty+hidden)), empty+hidden), []int{400, 422}, true},
		{"chunked and Content-Length", with(fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d", len(empty+hidden)), empty+hidden), []int{400, 422}, true},
		{"two lengths", with(fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d", len(hidden)), hidden), bad, true},
		{"two lengths in one", with(fmt.Sprintf("Content-Length: 0, %d", len(hidden)), hidden), bad, true},
		{"a length with a plus", with("Content-Length: +0", hidden), bad, true},
		{"a length below zero", with("Content-Length: -1", hidden), bad, true},
		{"a length in hexadecimal", with("Content-Length: 0x0", hidden), bad, true},
		{"a length above every number", with("Content-Length: 99999999999999999999", hidden), bad, true},
		{"a blank before the colon", with("Content-Length : 0", hidden), bad, true},
		{"a blank before chunked's colon", with("Transfer-Encoding : chunked", empty+hidden), bad, true},
		{"chunked in another coat", with("Transfer-Encoding: xchunked", empty+hidden), bad, true},
		{"chunked and then something", with("Transfer-Encoding: chunked, identity", empty+hidden), bad, true},
		{"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", empty+hidden), bad, true},
		{"chunked behind a tab", with("Transfer-Encoding:\x0bchunked", empty+hidden), bad, true},
		{"chunked on a folded line", with("Transfer-Encoding:\r\n chunked", empty+hidden), append(bad, 422), true},
		{"a chunk larger than every number", with("Transfer-Encoding: chunked", "fffffffffffffffff\r\n"+hidden), []int{400, 422}, true},
		{"a chunk below zero", with("Transfer-Encoding: chunked", "-1\r\n"+hidden), []int{400, 422}, true},
		{"a chunk that is no number", with("Transfer-Encoding: chunked", "zz\r\n"+hidden), []int{400, 422}, true},
		{"a chunk without its end of line", with("Transfer-Encoding: chunked", "1\r\nxx\r\n"+empty+hidden), []int{400, 422}, true},
		{"a body on GET", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden, []int{200, 400}, true},

		// Who is asked, and for what?
		{"no host", "GET /api/blank HTTP/1.1\r\n\r\n", bad, true},
		{"two hosts", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nHost: evil.example.com\r\n\r\n", bad, true},
		{"a host with a slash", "GET /api/blank HTTP/1.1\r\nHost: evil.example.com/x\r\n\r\n", bad, true},
		{"a NUL in a value", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nX-A: a\x00b\r\n\r\n", bad, true},
		{"a line end in a value", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nX-A: a\rb\r\n\r\n", bad, true},
		{"no colon", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nX-A\r\n\r\n", bad, true},
		{"a name with a blank", "GET /api/blank HTTP/1.1\r\nHost: " + host + "\r\nX A: b\r\n\r\n", bad, true},
		{"an unknown version", "GET /api/blank HTTP/3.0\r\nHost: " + host + "\r\n\r\n", []int{505, 400}, true},
		{"HTTP/0.9", "GET /api/blank\r\n\r\n", bad, true},
		{"a method of its own", "G\x01T /api/blank HTTP/1.1\r\nHost: " + host + "\r\n\r\n", bad, true},
		{"a method override", "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nX-HTTP-Method-Override: POST\r\n\r\n", []int{405}, true},
		{"CONNECT", "CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n", []int{400, 404, 405}, true},
		{"TRACE", "TRACE " + path + " HTTP/1.1\r\nHost: " + host + "\r\nCookie: a=b\r\n\r\n", []int{405}, true},
		{"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{0, 400, 404, 405, 505}, true},
	}
	return append(out, oversized(host, path)...)
}

// oversized are requests that are too much of something.
func oversized(host, path string) []shape {
	long := func(n int) string { return strings.Repeat("x", n) }
	get := func(path, heads string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + heads + "\r\n"
	}
	post := func(content string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, host, len(content), content)
	}
	const mega = 1 << 20
	refused := []int{413, 422}
	return []shape{
		{"a URL of 1 MiB", get("/api/"+long(mega), ""), []int{431, 414, 0}, false},
		{"a header of 1 MiB", get("/api/blank", "X-A: "+long(mega)+"\r\n"), []int{431, 0}, false},
		{"a header name of 100 KiB", get("/api/blank", long(100<<10)+": a\r\n"), []int{431, 0}, false},
		{"10,000 headers", get("/api/blank", strings.Repeat("X-A: b\r\n", 10_000)), []int{431, 0}, false},
		{"a cookie of 64 KiB", get("/api/blank", "Cookie: a="+long(64<<10)+"\r\n"), []int{431, 0}, false},
		{"a query of 15 KiB", get("/api/blank?a="+long(15<<10), ""), []int{200, 431}, false},
		{"a body of 1 MiB", post(`{"email":"` + long(mega) + `"}`), []int{413, 0}, false},
		{"a body of 64 KiB and one", post(`{"email":"` + long(64<<10-11) + `"}`), refused, false},
		{"a body that is said to be huge", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, host, int64(1)<<60, long(100<<10)), []int{413}, false},
		{"a body in chunks without end", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s", path, host, strings.Repeat("400\r\n"+long(1024)+"\r\n", 200)), []int{413, 422, 0}, false},
		{"a chunk extension of 1 MiB", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;%s\r\n", path, host, long(mega)), []int{400, 413, 422, 0}, false},
		{"an email of 60 KiB", post(`{"email":"` + long(60<<10) + `@example.com"}`), []int{422}, false},
		{"an email in 30,000 labels", post(`{"email":"a@` + strings.Repeat("a.", 30_000) + `com"}`), []int{422}, false},
		{"arrays 30,000 deep", post(strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000)), []int{422}, false},
		{"10,001 members", post(`{` + strings.Repeat(`"a":1,`, 10_000) + `"b":1}`), []int{422}, false},
		{"a number of 60,000 digits", post(`{"email":` + strings.Repeat("9", 60_000) + `}`), []int{422}, false},
	}
}
