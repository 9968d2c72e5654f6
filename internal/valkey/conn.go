package valkey

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A conn is one connection to a server, greeted. The commands of concurrent callers travel together: what is asked while a
// write is under way goes with the next one, and nobody waits for company. Answers come in the order of the commands.
//
// It is given up for good when it breaks, when the server says what is not the protocol, and when the server has answered
// nothing for its patience.
type conn struct {
	raw       net.Conn // TLS or not
	socket    net.Conn // what is below
	reader    *bufio.Reader
	clustered bool // the server is a node of a cluster
	patience  time.Duration

	room chan struct{} // one for each call under way
	wake chan struct{} // there is something to write
	done chan struct{} // closed when the connection is given up

	mu      sync.Mutex
	out     []byte // commands that nobody has written yet
	waiting []chan<- answer
	watch   *time.Timer // runs while a call waits
	err     error       // why the connection was given up
}

// An answer is a reply, or why there is none.
type answer struct {
	reply
	err error
}

// errBroken is in the error of a call whose connection was given up: it may be made again over another one.
var errBroken = errors.New("the connection is broken")

const (
	underWay   = 4096     // calls of one connection, before one must wait for its place
	bufferSize = 16 << 10 // of reading, and what a write keeps: a Take has some hundred bytes
)

// connect makes a connection and greets the server. Dialling has half of the timeout, so that another address can be tried.
func (s *settings) connect(ctx context.Context, addr string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// The system notices in some seconds that an idle server has lost its power or its network, before a Take has to. Its questions
	// also keep the connection known to what stands between.
	alive := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3}
	dialer := net.Dialer{Timeout: s.timeout / 2, KeepAliveConfig: alive}
	raw, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	c, err := s.greet(ctx, raw)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("greeting the server: %w", err)
	}
	c.run()
	return c, nil
}

// greet says who asks and in which version of the protocol, and chooses the database.
func (s *settings) greet(ctx context.Context, socket net.Conn) (*conn, error) {
	raw := socket
	if s.tls != nil {
		secure := tls.Client(socket, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		raw = secure
	}
	c := &conn{
		raw: raw, socket: socket, reader: bufio.NewReaderSize(raw, bufferSize), patience: 2 * s.timeout,
		room: make(chan struct{}, underWay), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	hello := []string{"HELLO", "2"}
	if s.password != "" {
		hello = append(hello, "AUTH", s.user, s.password)
	}
	about, err := c.say(append(hello, "SETNAME", "latchkey")...) // fails where there is neither Valkey nor Redis 6
	switch {
	case err != nil && s.password != "" && !about.says("WRONGPASS") && strings.Contains(err.Error(), s.password):
		return nil, errors.New("the server refuses HELLO in words that have the password in them") // a proxy, perhaps
	case err != nil:
		return nil, err
	}
	for i := 0; i+1 < len(about.list); i += 2 {
		c.clustered = c.clustered || about.list[i].text == "mode" && about.list[i+1].text == "cluster"
	}
	if s.database != 0 {
		_, err = c.say("SELECT", strconv.Itoa(s.database))
	}
	return c, err
}

// say is one command and its answer, while nobody else has the connection.
func (c *conn) say(words ...string) (reply, error) {
	if _, err := c.raw.Write(command(words...)); err != nil {
		return reply{}, err
	}
	a, err := readReply(c.reader)
	if err != nil {
		return reply{}, err
	}
	return a, a.failed()
}

// run starts what writes and what reads. Both end when the connection is given up.
func (c *conn) run() {
	c.watch = time.AfterFunc(c.patience, func() { c.end(errors.New("the server answers nothing")) })
	c.watch.Stop()
	go c.write()
	go c.read()
}

func (c *conn) write() {
	var spare []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		c.mu.Lock()
		out := c.out
		c.out = spare
		c.mu.Unlock()
		if len(out) > 0 { // the last write may have taken what this one was woken for
			if _, err := c.raw.Write(out); err != nil {
				c.end(err)
				return
			}
		}
		spare = nil
		if cap(out) <= bufferSize {
			spare = out[:0]
		}
	}
}

func (c *conn) read() {
	for {
		a, err := readReply(c.reader)
		if err != nil {
			c.end(err)
			return
		}
		c.mu.Lock()
		if len(c.waiting) == 0 {
			c.mu.Unlock()
			c.end(errGibberish)
			return
		}
		to := c.waiting[0]
		c.waiting[0] = nil
		if c.waiting = c.waiting[1:]; len(c.waiting) == 0 {
			c.watch.Stop()
		} else {
			c.watch.Reset(c.patience)
		}
		c.mu.Unlock()
		if to != nil {
			<-c.room
			to <- answer{reply: a}
		}
	}
}

// do sends a command and waits for its answer, no longer than ctx. With asking, a node takes it for a key that is on its way
// to it.
func (c *conn) do(ctx context.Context, asking bool, cmd []byte) (reply, error) {
	select {
	case c.room <- struct{}{}:
	case <-c.done:
		return reply{}, c.reason()
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	mine := make(chan answer, 1)
	if err := c.queue(asking, cmd, mine); err != nil {
		<-c.room
		return reply{}, err
	}
	select {
	case c.wake <- struct{}{}:
	default: // the writer knows
	}
	select {
	case a := <-mine:
		return a.reply, a.err
	case <-ctx.Done():
		return reply{}, ctx.Err() // the answer will find nobody
	}
}

func (c *conn) queue(asking bool, cmd []byte, to chan<- answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if len(c.waiting) == 0 {
		c.watch.Reset(c.patience)
	}
	if asking {
		c.out = append(c.out, "*1\r\n$6\r\nASKING\r\n"...)
		c.waiting = append(c.waiting, nil)
	}
	c.out = append(c.out, cmd...)
	c.waiting = append(c.waiting, to)
	return nil
}

// end gives the connection up and tells all that wait. Only the first reason counts.
func (c *conn) end(why error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = fmt.Errorf("%w: %w", errBroken, why)
	waiting := c.waiting
	c.waiting, c.out = nil, nil
	c.watch.Stop()
	c.mu.Unlock()
	close(c.done)
	_ = c.socket.Close() // without the goodbye of TLS, which waits for a server that reads nothing
	for _, to := range waiting {
		if to != nil {
			<-c.room
			to <- answer{err: c.err}
		}
	}
}

// reason tells why the connection was given up; nil: it was not.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
