package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

// callTimeout is far above any answer worth counting; it turns a server that hangs into a failed run.
const callTimeout = 15 * time.Second

// A client is one kept HTTP/1.1 connection. net/http's client would take more of the two cores than the server does;
// this one sends and reads the same bytes, in one write per request, and checks what it reads.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	host string
	out  []byte
	body []byte
}

func dial(host string) (*client, error) {
	c, err := net.DialTimeout("tcp", host, callTimeout)
	if err != nil {
		return nil, err
	}
	return newClient(c, host), nil
}

func newClient(c net.Conn, host string) *client {
	return &client{conn: c, r: bufio.NewReaderSize(c, 8<<10), host: host}
}

func (c *client) Close() { c.conn.Close() }

// post sends body to path (its query included) and gives status and answer. The answer is valid until the next call.
func (c *client) post(path, contentType string, body []byte) (int, []byte, error) {
	b := append(c.out[:0], "POST "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\nContent-Type: "...)
	b = append(b, contentType...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, body...)
	c.out = b
	return c.do()
}

// get asks for path with a bearer token.
func (c *client) get(path, bearer string) (int, []byte, error) {
	c.out = fmt.Appendf(c.out[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, c.host, bearer)
	return c.do()
}

func (c *client) do() (int, []byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, nil, err
	}
	return c.readAnswer()
}

// readAnswer reads status, heads and body of one answer (RFC 9112).
func (c *client) readAnswer() (status int, body []byte, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < 14 {
		return 0, nil, fmt.Errorf("not an HTTP/1.1 answer: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("bad status line %q", line)
	}
	length, chunked := 0, false
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length > 1<<20 {
				return 0, nil, fmt.Errorf("bad Content-Length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return 0, nil, errors.New("the server gave up a kept connection")
		}
	}
	if chunked {
		return c.readChunks(status)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.r, c.body)
	return status, c.body, err
}

func (c *client) readChunks(status int) (int, []byte, error) {
	body, err := io.ReadAll(httputil.NewChunkedReader(c.r))
	if err != nil {
		return 0, nil, err
	}
	_, err = c.r.ReadSlice('\n') // the empty line after the trailer
	return status, body, err
}
