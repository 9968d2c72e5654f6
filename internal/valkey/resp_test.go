package valkey

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

func read(text string) (reply, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(text), 64))
}

// write prints a reply as a server would: what readReply reads.
func (a reply) write(b *bytes.Buffer) {
	switch a.kind {
	case simple, failure:
		fmt.Fprintf(b, "%c%s\r\n", a.kind, a.text)
	case integer:
		fmt.Fprintf(b, ":%d\r\n", a.number)
	case bulk:
		fmt.Fprintf(b, "$%d\r\n%s\r\n", len(a.text), a.text)
	case null:
		b.WriteString("$-1\r\n")
	case array:
		fmt.Fprintf(b, "*%d\r\n", len(a.list))
		for _, one := range a.list {
			one.write(b)
		}
	}
}

func TestReadReply(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]reply{
		"+OK\r\n":                   {kind: simple, text: "OK"},
		"-ERR no\r\n":               {kind: failure, text: "ERR no"},
		":-12\r\n":                  {kind: integer, number: -12},
		"$5\r\na\r\nb\n\r\n":        {kind: bulk, text: "a\r\nb\n"},
		"$0\r\n\r\n":                {kind: bulk},
		"$-1\r\n":                   {kind: null},
		"*-1\r\n":                   {kind: null},
		"*0\r\n":                    {kind: array, list: []reply{}},
		"*2\r\n:1\r\n*1\r\n+a\r\n":  {kind: array, list: []reply{{kind: integer, number: 1}, {kind: array, list: []reply{{kind: simple, text: "a"}}}}},
		":9223372036854775807\r\n+": {kind: integer, number: 1<<63 - 1},
	} {
		if got, err := read(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "\r\n", "+\n", "OK\r\n", "HTTP/1.1 400 Bad Request\r\n", ":\r\n", ":+1\r\n", ":1x\r\n", ":9223372036854775808\r\n", "$-2\r\n", "$x\r\n",
		"$3\r\nabcd\r\n", "$3\r\nab", "*-2\r\n", "*2\r\n:1\r\n", "$65537\r\n", "*16385\r\n", "%1\r\n+a\r\n+b\r\n",
		"+" + strings.Repeat("x", 64) + "\r\n", strings.Repeat("*1\r\n", 9) + ":1\r\n",
	} {
		if got, err := read(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// TestAReplyIsBounded: as a whole, and not in each of its parts only; what is announced beyond that is not waited for.
func TestAReplyIsBounded(t *testing.T) {
	t.Parallel()
	for what, part := range map[string]string{
		"arrays": "*0\r\n", "numbers": ":1\r\n", "texts": "$1000\r\n" + strings.Repeat("x", 1000) + "\r\n", "lines": "+" + strings.Repeat("x", 1000) + "\r\n",
	} {
		list := "*16384\r\n" + strings.Repeat(part, 16384)
		many := []io.Reader{strings.NewReader("*16384\r\n")}
		for range 100 { // of what could go on for 16,384 times
			many = append(many, strings.NewReader(list))
		}
		endless := &tally{Reader: io.MultiReader(many...)}
		if _, err := readReply(bufio.NewReader(endless)); !errors.Is(err, errGibberish) || endless.n > largestReply+1<<16 {
			t.Errorf("%s: %v after %d bytes, want them given up", what, err, endless.n)
		}
	}
	for _, text := range []string{"$65537\r\n", "*16385\r\n", strings.Repeat("*1\r\n", 9)} {
		if _, err := read(text); !errors.Is(err, errGibberish) {
			t.Errorf("%q is waited for: %v", text, err)
		}
	}
	// What a cluster of a thousand nodes may say, each with a replica and its slots in twos.
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", slots/2)
	for s := 0; s < slots; s += 2 {
		fmt.Fprintf(&b, "*4\r\n:%d\r\n:%d\r\n", s, s+1)
		for range 2 {
			fmt.Fprintf(&b, "*4\r\n$13\r\n192.0.2.1.abc\r\n:6379\r\n$40\r\n%040d\r\n*2\r\n+hostname\r\n+%0100d\r\n", s, s)
		}
	}
	if _, err := readReply(bufio.NewReaderSize(strings.NewReader(b.String()), bufferSize)); err != nil {
		t.Errorf("a large cluster: %v", err)
	}
}

// A tally counts what is read.
type tally struct {
	io.Reader
	n int
}

func (c *tally) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// FuzzReadReply: what is read, and printed again, is read the same; nothing makes it panic.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"*2\r\n:1893585600000000\r\n:-1\r\n", "-MOVED 1 [::1]:7000\r\n", "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$3\r\na.b\r\n:7\r\n", "$-1\r\n", "*1\r\n*-1\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := read(text)
		if err != nil {
			return
		}
		var b bytes.Buffer
		a.write(&b)
		if again, err := read(b.String()); err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%q is %+v; printed and read again %+v (%v)", text, a, again, err)
		}
	})
}

// FuzzReadLayout: whatever a node says of its cluster, a slot has an owner with an address or none.
func FuzzReadLayout(f *testing.F) {
	for _, s := range []string{
		"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:7000\r\n", "*1\r\n*3\r\n:5\r\n:3\r\n*2\r\n$-1\r\n:7\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$0\r\n\r\n:7\r\n", "*0\r\n",
	} {
		f.Add(s, "somewhere")
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		a, err := read(text)
		if err != nil {
			return
		}
		l, err := New("valkey://localhost")
		if err != nil {
			t.Fatal(err)
		}
		home, _ := l.node("localhost:6379")
		y, err := l.readLayout(home, a)
		if err != nil {
			return
		}
		if n := y.owner(slot(key)); n != nil && n.addr == "" {
			t.Errorf("the owner of %q has no address", key)
		}
	})
}

// TestLayoutIsOnlyWhatCanBe: each slot has one owner, who has an address.
func TestLayoutIsOnlyWhatCanBe(t *testing.T) {
	t.Parallel()
	one := func(low, high, port int) string {
		return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*2\r\n$1\r\na\r\n:%d\r\n", low, high, port)
	}
	for text, good := range map[string]bool{
		"*2\r\n" + one(0, 99, 1) + one(100, slots-1, 2): true,
		"*2\r\n" + one(0, 100, 1) + one(100, 200, 2):    false,
		"*1\r\n" + one(5, 3, 1):                         false,
		"*1\r\n" + one(-1, 3, 1):                        false,
		"*1\r\n" + one(0, slots, 1):                     false,
		"*1\r\n" + one(0, 3, 0):                         false,
		"*1\r\n" + one(0, 3, 65536):                     false,
		"*1\r\n*2\r\n:0\r\n:1\r\n":                      false,
		"*1\r\n:1\r\n":                                  false,
		"*0\r\n":                                        false,
		":1\r\n":                                        false,
	} {
		l, err := New("valkey://localhost")
		if err != nil {
			t.Fatal(err)
		}
		home, _ := l.node("localhost:6379")
		a, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.readLayout(home, a); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestForget: who is asked for the layout is kept, in the cluster or not: a Take that begins meanwhile may hold it.
func TestForget(t *testing.T) {
	t.Parallel()
	l, err := New("valkey://seed:1")
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := l.node("seed:1")
	stays, _ := l.node("stays:1")
	left, _ := l.node("left:1")
	l.forget(&layout{nodes: []*node{stays}})
	if seed.closed || stays.closed || !left.closed || len(l.nodes) != 2 {
		t.Errorf("closed: the first %v, one that stays %v, one that left %v; %d nodes", seed.closed, stays.closed, left.closed, len(l.nodes))
	}
}

// TestSlot has the examples of the cluster's specification (valkey.io/topics/cluster-spec), and what a server says of some keys.
func TestSlot(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]int{
		"123456789": 0x31C3, "": 0, "foo": 12182, "{user1000}.following": slot("user1000"), "foo{}{bar}": 8363, "foo{{bar}}zap": slot("{bar"),
		"foo{bar}{zap}": slot("bar"), "{": 4092, "a}b{": 6027,
	} {
		if got := slot(key); got != want {
			t.Errorf("slot(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	here := &node{addr: "192.0.2.1:7000"}
	for text, want := range map[string]string{
		"MOVED 3999 192.0.2.9:6381": "192.0.2.9:6381 true", "ASK 3999 node.example:6381": "node.example:6381 false", "MOVED 1 2001:db8::1:6381": "[2001:db8::1]:6381 true",
		"MOVED 1 :6381": "192.0.2.1:6381 true", "MOVED 1": " false", "MOVED 1 x": " false", "ERR MOVED 1 a:1": " false", "ASKING 1 a:1": " false",
	} {
		addr, forGood := reply{kind: failure, text: text}.moved(here)
		if got := fmt.Sprint(addr, " ", forGood); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
