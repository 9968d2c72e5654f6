package valkey

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The serialization protocol of Valkey and Redis, its version 2 (valkey.io/topics/protocol): as much of it as the limiter
// says and hears.

// A reply is one answer of a server.
type reply struct {
	kind   byte    // one of the marks below
	number int64   // of integer
	text   string  // of simple, failure and bulk
	list   []reply // of array
}

const (
	simple  = '+'
	failure = '-' // its text begins with a code, as in "MOVED 1 192.0.2.1:6379"
	integer = ':'
	bulk    = '$'
	array   = '*'
	null    = '_' // what version 2 writes as a bulk or an array of length -1
)

// What a server may say: more than the slots of a whole cluster take, and no reason to keep more. The bounds of each part alone
// would let arrays of arrays take all memory.
const (
	longestBulk  = 64 << 10
	longestArray = slots
	deepestArray = 8
	largestReply = 32 << 20 // bytes of memory
	part         = 64       // bytes that each part of a reply takes beside its text
)

var errGibberish = errors.New("the server does not speak the protocol of Valkey")

// readReply reads one answer. After an error the connection is of no use.
func readReply(r *bufio.Reader) (reply, error) {
	room := largestReply
	return readPart(r, 0, &room)
}

// readPart reads one part of an answer, or all of it. What it takes is taken from room.
func readPart(r *bufio.Reader, depth int, room *int) (reply, error) {
	line, err := readLine(r)
	if err != nil {
		return reply{}, err
	}
	if *room -= part + len(line); *room < 0 {
		return reply{}, errGibberish
	}
	a, rest := reply{kind: line[0]}, line[1:]
	switch a.kind {
	case simple, failure:
		a.text = string(rest)
	case integer:
		a.number, err = parseInt(rest)
	case bulk:
		return readBulk(r, rest, room)
	case array:
		return readArray(r, rest, depth, room)
	default:
		err = errGibberish
	}
	return a, err
}

// readLine gives a line of at least one byte without its end. It is good until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errGibberish
	}
	if err != nil {
		return nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return nil, errGibberish
	}
	return line[:len(line)-2], nil
}

func readBulk(r *bufio.Reader, length []byte, room *int) (reply, error) {
	n, err := parseInt(length)
	switch {
	case err != nil:
		return reply{}, err
	case n == -1:
		return reply{kind: null}, nil
	case n < 0 || n > longestBulk || int(n) > *room:
		return reply{}, errGibberish
	}
	*room -= int(n)
	text := make([]byte, n+2)
	if _, err := io.ReadFull(r, text); err != nil {
		return reply{}, err
	}
	if text[n] != '\r' || text[n+1] != '\n' {
		return reply{}, errGibberish
	}
	return reply{kind: bulk, text: string(text[:n])}, nil
}

func readArray(r *bufio.Reader, length []byte, depth int, room *int) (reply, error) {
	n, err := parseInt(length)
	switch {
	case err != nil:
		return reply{}, err
	case n == -1:
		return reply{kind: null}, nil
	case n < 0 || n > longestArray || depth == deepestArray:
		return reply{}, errGibberish
	}
	a := reply{kind: array, list: make([]reply, 0, min(n, 16))} // what is announced need not come
	for range n {
		one, err := readPart(r, depth+1, room)
		if err != nil {
			return reply{}, err
		}
		a.list = append(a.list, one)
	}
	return a, nil
}

func parseInt(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || text[0] == '+' {
		return 0, errGibberish
	}
	return n, nil
}

// failed gives what the server refused, as an error. The first word of its text is a code. A server that does not know a command
// repeats its words, and keys and passwords are among them: they are left out, and so is whatever would fill a log.
func (a reply) failed() error {
	if a.kind != failure {
		return nil
	}
	text, _, _ := strings.Cut(a.text, ", with args")
	const enough = 200 // more than any text of Valkey's has
	return fmt.Errorf("the server says: %.*s", enough, text)
}

// says reports whether the server refused with this code.
func (a reply) says(code string) bool {
	return a.kind == failure && strings.HasPrefix(a.text, code+" ")
}

// appendHead begins a command of so many words; appendWord, which takes one in two pieces, and appendNumber add them.
func appendHead(b []byte, words int) []byte {
	b = strconv.AppendInt(append(b, array), int64(words), 10)
	return append(b, '\r', '\n')
}

func appendWord(b []byte, word, more string) []byte {
	b = strconv.AppendInt(append(b, bulk), int64(len(word)+len(more)), 10)
	b = append(append(append(b, '\r', '\n'), word...), more...)
	return append(b, '\r', '\n')
}

func appendNumber(b []byte, n int64) []byte {
	var room [20]byte
	text := strconv.AppendInt(room[:0], n, 10)
	b = strconv.AppendInt(append(b, bulk), int64(len(text)), 10)
	b = append(append(b, '\r', '\n'), text...)
	return append(b, '\r', '\n')
}

// command gives a command of these words.
func command(words ...string) []byte {
	b := appendHead(nil, len(words))
	for _, w := range words {
		b = appendWord(b, w, "")
	}
	return b
}
