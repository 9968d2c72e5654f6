package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"
)

// callTimeout is above any answer, the held poll's included.
const callTimeout = 30 * time.Second

// A client is one kept HTTP/1.1 connection that sends what it is told, byte by byte. net/http would repair what an attack
// spoils on purpose, and put heads into an order of its own.
type client struct {
	host string
	conn net.Conn // nil: not open
	r    *bufio.Reader
}

// An answer is one HTTP answer as it came.
type answer struct {
	status int
	heads  []string // "Name: value", in their order
	body   []byte
	took   time.Duration // from the first byte sent until the last one read
}

// head gives the value of a header field; empty without it.
func (a answer) head(name string) string {
	for _, h := range a.heads {
		if n, v, _ := strings.Cut(h, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// member gives a member of the answer's JSON body, at a path such as error.code; empty without it.
func (a answer) member(path string) string {
	var v any
	if json.Unmarshal(a.body, &v) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, bytes.TrimSpace(a.body)) }

// Close ends the connection; the next call opens another.
func (c *client) Close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// post sends a JSON body. from is the client address to claim; empty claims none.
func (c *client) post(from, path string, body any, heads ...string) (answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	return c.send("POST", from, path, "application/json", string(raw), heads...)
}

// send writes one well-formed request and reads its answer.
func (c *client) send(method, from, path, contentType, body string, heads ...string) (answer, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, c.host)
	if from != "" {
		fmt.Fprintf(&b, "X-Forwarded-For: %s\r\n", from)
	}
	for _, h := range heads {
		b.WriteString(h + "\r\n")
	}
	if method != "GET" {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	b.WriteString("\r\n" + body)
	return c.raw(b.String())
}

// raw sends bytes and reads one answer. A connection that the server closed in the meantime is opened anew, once.
func (c *client) raw(request string) (answer, error) {
	fresh := c.conn == nil
	a, err := c.once(request)
	if err != nil && !fresh {
		c.Close()
		a, err = c.once(request)
	}
	if err != nil || strings.EqualFold(a.head("Connection"), "close") {
		c.Close()
	}
	return a, err
}

func (c *client) once(request string) (answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.host, callTimeout)
		if err != nil {
			return answer{}, err
		}
		c.conn, c.r = conn, bufio.NewReaderSize(conn, 8<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return answer{}, err
	}
	began := time.Now()
	_, sent := io.WriteString(c.conn, request)
	// What refuses a request that is too large may answer before it has read it all, and close.
	a, err := readAnswer(c.r)
	a.took = time.Since(began)
	if err != nil && sent != nil {
		err = sent
	}
	return a, err
}

// readAnswer reads one answer (RFC 9112).
func readAnswer(r *bufio.Reader) (a answer, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !strings.HasPrefix(line, "HTTP/1.") {
		return a, fmt.Errorf("not an HTTP answer: %q", line)
	}
	if a.status, err = strconv.Atoi(line[9:12]); err != nil {
		return a, fmt.Errorf("not an HTTP answer: %q", line)
	}
	for {
		if line, err = r.ReadString('\n'); err != nil {
			return a, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			break
		}
		a.heads = append(a.heads, line)
	}
	switch n := a.head("Content-Length"); {
	case a.status == 204 || a.status == 304:
	case strings.EqualFold(a.head("Transfer-Encoding"), "chunked"):
		if a.body, err = io.ReadAll(httputil.NewChunkedReader(r)); err == nil {
			_, err = r.ReadString('\n') // the empty line behind the last chunk
		}
	case n != "":
		length, bad := strconv.Atoi(n)
		if bad != nil || length > 1<<20 {
			return a, fmt.Errorf("bad Content-Length %q", n)
		}
		a.body = make([]byte, length)
		_, err = io.ReadFull(r, a.body)
	default:
		a.body, err = io.ReadAll(r)
	}
	return a, err
}
