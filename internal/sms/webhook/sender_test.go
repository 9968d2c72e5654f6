package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = os.Stderr.WriteString("goroutines left behind: " + err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

const secret = "0123456789abcdef0123456789abcdef"

var noon = time.Date(2030, 1, 2, 3, 1, 5, 0, time.UTC)

// receiver is an operator's service that does what the package's documentation tells it to.
type receiver struct {
	t   *testing.T
	srv *httptest.Server

	mu       sync.Mutex
	got      []received
	status   int // answered to everything, when not 0
	retry    string
	hang     bool
	released chan struct{}
}

type received struct {
	key  string
	body map[string]any
}

func serve(t *testing.T) *receiver {
	t.Helper()
	x := &receiver{t: t, released: make(chan struct{})}
	x.srv = httptest.NewServer(http.HandlerFunc(x.take))
	t.Cleanup(func() {
		close(x.released)
		x.srv.CloseClientConnections()
		x.srv.Close()
	})
	return x
}

func (x *receiver) take(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/in" || r.Header.Get("Content-Type") != "application/json" {
		x.t.Errorf("asked for %s %s with %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	stamp := r.Header.Get("Latchkey-Timestamp")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(raw)
	given, _ := strings.CutPrefix(r.Header.Get("Latchkey-Signature"), "v1=")
	sum, err := hex.DecodeString(given)
	if err != nil || !hmac.Equal(sum, mac.Sum(nil)) {
		x.t.Errorf("the signature %q is wrong", r.Header.Get("Latchkey-Signature"))
	}
	if stamp != fmt.Sprint(noon.Unix()) {
		x.t.Errorf("the timestamp is %q, want %d", stamp, noon.Unix())
	}
	in := received{key: r.Header.Get("Idempotency-Key")}
	if err := json.Unmarshal(raw, &in.body); err != nil {
		x.t.Errorf("not JSON: %v", err)
	}
	if in.body["id"] != in.key {
		x.t.Errorf("id is %v, Idempotency-Key %q", in.body["id"], in.key)
	}
	to, _ := in.body["to"].(string)
	switch {
	case x.hang:
		<-x.released
	case x.status != 0:
		w.Header().Set("Retry-After", x.retry)
		w.Header().Set("Location", x.srv.URL+"/elsewhere")
		w.WriteHeader(x.status)
		_, _ = w.Write(raw)
	case strings.HasPrefix(to, "+1500"):
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write(raw)
	default:
		x.got = append(x.got, in)
		w.WriteHeader(http.StatusAccepted)
	}
}

func (x *receiver) set(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

func (x *receiver) open(t *testing.T) *Sender {
	t.Helper()
	s, err := New(Config{URL: x.srv.URL + "/in", Secret: secret, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func phone(n string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Phone, n) }

func TestSenderContract(t *testing.T) {
	t.Parallel()
	sendertest.Run(t, func(t *testing.T) sendertest.Fixture {
		x := serve(t)
		return sendertest.Fixture{
			Sender: x.open(t), To: phone("+4915123456789"), Refused: phone("+15005550001"),
			Received: func() (rs []sendertest.Receipt) {
				x.mu.Lock()
				defer x.mu.Unlock()
				for _, in := range x.got {
					rs = append(rs, sendertest.Receipt{ID: in.key, Text: in.body["text"].(string)})
				}
				return rs
			},
			Busy: func() { x.set(func() { x.status = 503 }) },
			Hang: func() { x.set(func() { x.hang = true }) },
			Drop: x.srv.CloseClientConnections,
			Down: func() { x.srv.CloseClientConnections(); _ = x.srv.Listener.Close() },
		}
	})
}

func TestBody(t *testing.T) {
	t.Parallel()
	x := serve(t)
	s := x.open(t)
	for _, to := range []latchkey.Address{phone("+4915123456789"), latchkey.CanonicalAddress(latchkey.Email, "a@example.org")} {
		e := sendertest.Envelope(to, 1)
		if err := s.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		got := x.got[len(x.got)-1].body
		want := map[string]any{
			"id": e.ID, "channel": string(to.Channel()), "to": to.Value(), "from": "Demo", "text": e.Text, "code": e.Code.Reveal(),
			"link": e.Link.Reveal(), "locale": "en", "expires_at": "2030-01-02T03:04:05Z",
		}
		if to.Channel() == latchkey.Email {
			want["subject"], want["html"] = e.Subject, e.HTML
		}
		for name, v := range want {
			if got[name] != v {
				t.Errorf("%s is %v, want %v", name, got[name], v)
			}
		}
		if len(got) != len(want) {
			t.Errorf("the body has the members %v, want those of %v", got, want)
		}
	}
}

// TestSignatureKnown pins the scheme to a value that was computed apart from it (openssl dgst -sha256 -hmac).
func TestSignatureKnown(t *testing.T) {
	t.Parallel()
	const want = "b97481a1a3e3a27ebb671fa495fcc9de0fea863cd0046f9f99bab1d57461106a"
	if got := sign(secret, "1767225600", []byte(`{"id":"1"}`)); got != want {
		t.Errorf("the signature is %s, want %s: receivers in production would refuse it", got, want)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		retry  string
		want   latchkey.Code
		after  time.Duration
	}{
		{status: 200}, {status: 204},
		{status: 302, want: latchkey.Unavailable}, // not followed: x.take would complain of the path
		{status: 307, want: latchkey.Unavailable},
		{status: 400, want: latchkey.Undeliverable},
		{status: 404, want: latchkey.Undeliverable},
		{status: 408, want: latchkey.Unavailable},
		{status: 425, want: latchkey.Unavailable},
		{status: 429, retry: "30", want: latchkey.Unavailable, after: 30 * time.Second},
		{status: 500, want: latchkey.Unavailable},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			t.Parallel()
			x := serve(t)
			x.status, x.retry = c.status, c.retry
			err := x.open(t).Send(t.Context(), sendertest.Envelope(phone("+4915123456789"), 1))
			if latchkey.CodeOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
			var e *latchkey.Error
			if errors.As(err, &e) && e.RetryAfter != c.after {
				t.Errorf("RetryAfter is %v, want %v", e.RetryAfter, c.after)
			}
		})
	}
}

// TestErrorsKeepTheURL: the path or query of an operator's URL may hold a key.
func TestErrorsKeepTheURL(t *testing.T) {
	t.Parallel()
	x := serve(t)
	url := x.srv.URL
	_ = x.srv.Listener.Close()
	s, err := New(Config{URL: url + "/in?key=operators-key", Secret: secret, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), sendertest.Envelope(phone("+4915123456789"), 1))
	if err == nil || strings.Contains(err.Error(), "operators-key") {
		t.Errorf("the error shows the URL: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url, secret, field string
	}{
		"https":             {"https://ops.example/in", secret, ""},
		"loopback":          {"http://localhost:1/in", secret, ""},
		"no URL":            {"", secret, "url"},
		"codes in the open": {"http://ops.example/in", secret, "url"},
		"short secret":      {"https://ops.example/in", "short", "secret"},
	} {
		_, err := New(Config{URL: c.url, Secret: latchkey.Secret(c.secret), Now: func() time.Time { return noon }})
		var e *latchkey.Error
		if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &e) || e.Field != c.field) {
			t.Errorf("%s: got %v, want a complaint about %q", name, err, c.field)
		}
	}
}
