package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A sink is an SMTP server (RFC 5321, PIPELINING by RFC 2920, CHUNKING by RFC 3030) that accepts every mail and puts it into the mailbox of
// its recipient. It does the least that a server may, since its time is taken from the one that is measured.
type sink struct {
	mailboxes
	whole    bool // texts come by DATA only, as from a server without CHUNKING
	listener net.Listener
	open     sync.WaitGroup
	live     liveConns
}

// liveConns remembers what Close must cut.
type liveConns struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &sink{listener: l, live: liveConns{conns: map[net.Conn]bool{}}}, nil
}

// Addr is host:port.
func (s *sink) Addr() string { return s.listener.Addr().String() }

// Serve takes connections until Close.
func (s *sink) Serve() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.live.mu.Lock()
		s.live.conns[c] = true
		s.live.mu.Unlock()
		s.open.Add(1)
		go func() {
			defer s.open.Done()
			s.talk(c)
			s.live.mu.Lock()
			delete(s.live.conns, c)
			s.live.mu.Unlock()
			c.Close()
		}()
	}
}

// Close cuts every connection and returns when nobody talks any more.
func (s *sink) Close() {
	s.listener.Close()
	s.live.mu.Lock()
	for c := range s.live.conns {
		c.Close()
	}
	s.live.mu.Unlock()
	s.open.Wait()
}

// talk is one SMTP conversation. It ends with QUIT, or when the connection does.
func (s *sink) talk(c net.Conn) {
	r, w := bufio.NewReaderSize(c, 16<<10), bufio.NewWriterSize(c, 4<<10)
	say := func(line string) { fmt.Fprint(w, line) } // an error sticks to w until Flush
	say("220 sink ESMTP\r\n")
	var to []string
	var body []byte
	for {
		if r.Buffered() == 0 { // answers to pipelined commands leave together
			if w.Flush() != nil {
				return
			}
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-sink\r\n")
			if !s.whole {
				say("250-CHUNKING\r\n")
			}
			say("250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
		case "HELO", "NOOP":
			say("250 OK\r\n")
		case "MAIL", "RSET":
			to, body = to[:0], body[:0]
			say("250 OK\r\n")
		case "RCPT":
			to = append(to, pathOf(rest))
			say("250 OK\r\n")
		case "DATA":
			say("354 go on\r\n")
			if w.Flush() != nil {
				return
			}
			if body, err = readData(r, body[:0]); err != nil {
				return
			}
			for _, a := range to {
				s.deliver(a, body)
			}
			say("250 OK\r\n")
		case "BDAT":
			if s.whole {
				say("502 not here\r\n")
				continue
			}
			var last bool
			if body, last, err = readChunk(r, rest, body); err != nil {
				return
			}
			if len(to) == 0 {
				say("503 no recipient\r\n")
				continue
			}
			if last {
				for _, a := range to {
					s.deliver(a, body)
				}
				body = body[:0]
			}
			say("250 OK\r\n")
		case "QUIT":
			say("221 bye\r\n")
			_ = w.Flush() // the client may be gone already
			return
		default:
			say("502 not here\r\n")
		}
	}
}

// pathOf takes the address out of "TO:<a@b> SIZE=…".
func pathOf(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

// readChunk reads a chunk as said behind BDAT, "1234 LAST", and appends it to body.
func readChunk(r *bufio.Reader, said string, body []byte) (_ []byte, last bool, err error) {
	size, end, _ := strings.Cut(said, " ")
	n, err := strconv.ParseUint(size, 10, 20) // a megabyte is no mail of ours
	if err != nil {
		return body, false, err
	}
	from := len(body)
	body = slices.Grow(body, int(n))[:from+int(n)]
	_, err = io.ReadFull(r, body[from:])
	return body, strings.EqualFold(end, "LAST"), err
}

// readData reads a mail up to the lone dot, without the dots that were stuffed (RFC 5321 §4.5.2), and appends it to
// body. Lines longer than the reader's buffer come in pieces, which is all the same here.
func readData(r *bufio.Reader, body []byte) ([]byte, error) {
	fresh := true // at the start of a line
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return body, err
		}
		if fresh && line[0] == '.' {
			if bytes.Equal(line, []byte(".\r\n")) {
				return body, nil
			}
			line = line[1:]
		}
		body = append(body, line...)
		fresh = err == nil
	}
}
