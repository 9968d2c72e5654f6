package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// A poll is one device that waits for its link to be pressed: a connection of its own from an address of its own, on
// which it asks again as soon as it is told that nothing happened yet.
type poll struct {
	request []byte // GET /otc/code
	code    string // what the mail says, and so what the poll must be answered with
	link    string // the token in the mail's link
	from    net.IP
	conn    net.Conn

	// Nanoseconds since the hall opened; 0: not yet.
	asked    atomic.Int64 // the last request was written
	pressed  atomic.Int64 // the approving POST was about to be sent
	approved atomic.Int64 // the approving POST was answered
	answered atomic.Int64 // the code came
}

// pollsPerAddress is a household: how many polls come from one client address.
const pollsPerAddress = 4

// clientAddress spreads polls over 127.1.0.0 to 127.250.255.255, which all lead to this machine.
func clientAddress(n int) net.IP {
	n /= pollsPerAddress
	return net.IPv4(127, byte(1+n/62500%250), byte(1+n/250%250), byte(1+n%250))
}

// pollRequest is what a game SDK sends: what it says of its engine goes into the query, and it has a few headers more than
// it needs. All of that is the server's to keep while it holds the poll.
func pollRequest(host, project, address, operation string) []byte {
	q := url.Values{"projectId": {project}, "login": {address}, "operation_id": {operation}}
	return fmt.Appendf(nil, "GET /api/otc/code?%s&engine=ue&engine_v=5.3.2&sdk=login&sdk_v=2.4.0&build_platform=windows HTTP/1.1\r\n"+
		"Host: %s\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nContent-Type: application/json\r\n"+
		"User-Agent: Game/UE5-CL-0 Windows/10.0.19045.1.256.64bit\r\nX-ENGINE: UE\r\nX-SDK: LOGIN\r\n\r\n", q.Encode(), host)
}

// An answer is what a poll was told.
type answer struct {
	status int
	body   []byte // valid until the buffer is used again
	retry  int    // Retry-After in seconds; 0: there was none
	last   bool   // the server closes the connection
}

// maxAnswer is more than any answer to a poll has. Every poll keeps that much.
const maxAnswer = 1 << 10

var errLongAnswer = errors.New("the answer is longer than any answer to a poll")

// readWhole reads one answer (RFC 9112) with no more reads than it takes. Nothing may come behind it: nothing was asked.
func readWhole(r io.Reader, buf []byte) (a answer, err error) {
	have := 0
	for {
		if have == len(buf) {
			return a, errLongAnswer
		}
		n, err := r.Read(buf[have:])
		have += n
		if a, whole, bad := parseAnswer(buf[:have]); bad != nil || whole {
			return a, bad
		}
		if err != nil {
			if err == io.EOF && have > 0 {
				err = io.ErrUnexpectedEOF
			}
			return a, err
		}
	}
}

// parseAnswer reads what there is of an answer; whole says that it is all there.
func parseAnswer(b []byte) (a answer, whole bool, err error) {
	head, rest, ok := bytes.Cut(b, endOfHead)
	if !ok {
		return a, false, nil
	}
	line, head, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < 12 {
		return a, false, fmt.Errorf("not an HTTP/1.1 answer: %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, false, fmt.Errorf("bad status line %q", line)
	}
	length := -1
	for len(head) > 0 {
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Retry-After")):
			a.retry, err = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Connection")):
			a.last = a.last || bytes.EqualFold(value, []byte("close"))
		}
		if err != nil {
			return a, false, fmt.Errorf("bad header line %q", line)
		}
	}
	switch {
	case length < 0:
		return a, false, errors.New("an answer without Content-Length")
	case len(rest) > length:
		return a, false, errors.New("more than one answer to one request")
	}
	a.body = rest
	return a, len(rest) == length, nil
}

// ask sends the poll's request, on a new connection if it has none: by TLS, if trust says whom to believe.
func (p *poll) ask(to *net.TCPAddr, trust *tls.Config, now func() int64) error {
	if p.conn == nil {
		conn, err := net.DialTCP("tcp4", &net.TCPAddr{IP: p.from}, to)
		if err != nil {
			return err
		}
		p.conn = conn
		if trust != nil {
			p.conn = tls.Client(conn, trust)
		}
	}
	p.asked.Store(now())
	_, err := p.conn.Write(p.request)
	return err
}

func (p *poll) hangUp() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

// woken is how long after the answer to the approving POST the poll had its code: 0 if it was there before. ok is false
// as long as one of the two is missing.
func (p *poll) woken() (d time.Duration, ok bool) {
	approved, answered := p.approved.Load(), p.answered.Load()
	if approved == 0 || answered == 0 {
		return 0, false
	}
	return time.Duration(max(0, answered-approved)), true
}
