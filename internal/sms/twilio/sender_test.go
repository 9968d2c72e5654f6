package twilio

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
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

const (
	sid   = "AC0123456789abcdef0123456789abcdef"
	token = "a-token-of-the-operator"
)

var noon = time.Date(2030, 1, 2, 3, 1, 5, 0, time.UTC) // sendertest's messages die three minutes later

// service is Twilio as its documentation has it: it checks every request, and quotes the number and the text in what
// it refuses.
type service struct {
	t   *testing.T
	srv *httptest.Server

	mu       sync.Mutex
	forms    []url.Values
	status   int // answered to everything, when not 0
	code     int
	retry    string
	hang     bool
	released chan struct{}
}

func serve(t *testing.T) *service {
	t.Helper()
	x := &service{t: t, released: make(chan struct{})}
	x.srv = httptest.NewServer(http.HandlerFunc(x.messages))
	t.Cleanup(func() {
		close(x.released)
		x.srv.CloseClientConnections()
		x.srv.Close()
	})
	return x
}

func (x *service) messages(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	user, pass, _ := r.BasicAuth()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/"+sid+"/Messages.json":
		x.t.Errorf("asked for %s %s", r.Method, r.URL.Path)
	case r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		x.t.Errorf("Content-Type is %q", r.Header.Get("Content-Type"))
	case r.ParseForm() != nil:
		x.t.Error("the form cannot be read")
	case user != sid || pass != token:
		x.refuse(w, 401, 20003, "Authenticate")
		return
	}
	to, text := r.PostForm.Get("To"), r.PostForm.Get("Body")
	switch {
	case len(text) == 0 || len(text) > 1600:
		x.t.Errorf("a Body of %d characters", len(text))
	case !strings.HasPrefix(to, "+"):
		x.t.Errorf("To is %q, not E.164", to)
	case (r.PostForm.Get("From") == "") == (r.PostForm.Get("MessagingServiceSid") == ""):
		x.t.Errorf("From and MessagingServiceSid: one of them is required, got %v", r.PostForm)
	case r.PostForm.Get("ValidityPeriod") != "180":
		x.t.Errorf("ValidityPeriod is %q, want 180 for a code that lives so many seconds", r.PostForm.Get("ValidityPeriod"))
	}
	for name := range r.PostForm {
		if !strings.Contains(" To From MessagingServiceSid Body ValidityPeriod ", " "+name+" ") {
			x.t.Errorf("an unknown parameter %s", name)
		}
	}
	switch {
	case x.hang:
		<-x.released
	case x.status != 0:
		w.Header().Set("Retry-After", x.retry)
		x.refuse(w, x.status, x.code, "no: "+to+" "+text)
	case to == "+15005550001":
		x.refuse(w, 400, 21211, "The 'To' number "+to+" is not a valid phone number")
	default:
		x.forms = append(x.forms, r.PostForm)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}`))
	}
}

func (x *service) refuse(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message, "status": status})
}

func (x *service) set(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

func (x *service) config() Config {
	return Config{AccountSID: sid, AuthToken: token, From: "+15005550006", BaseURL: x.srv.URL, Now: func() time.Time { return noon }}
}

func phone(n string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Phone, n) }

func TestSenderContract(t *testing.T) {
	t.Parallel()
	sendertest.Run(t, func(t *testing.T) sendertest.Fixture {
		x := serve(t)
		s, err := New(x.config())
		if err != nil {
			t.Fatal(err)
		}
		return sendertest.Fixture{
			Sender: s, To: phone("+4915123456789"), Refused: phone("+15005550001"), NoID: true,
			Received: func() (rs []sendertest.Receipt) {
				x.mu.Lock()
				defer x.mu.Unlock()
				for _, f := range x.forms {
					rs = append(rs, sendertest.Receipt{Text: f.Get("Body")})
				}
				return rs
			},
			Busy: func() { x.set(func() { x.status = 503 }) },
			Hang: func() { x.set(func() { x.hang = true }) },
			Down: func() { x.srv.CloseClientConnections(); _ = x.srv.Listener.Close() },
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, code int
		retry        string
		want         latchkey.Code
		after        time.Duration
	}{
		{status: 200}, {status: 201}, {status: 202}, // any 2xx: taken
		{status: 301, want: latchkey.Unavailable},
		{status: 400, code: 21211, want: latchkey.Undeliverable},
		{status: 400, code: 21408, want: latchkey.Undeliverable},
		{status: 400, code: 21610, want: latchkey.Undeliverable},
		{status: 400, code: 21614, want: latchkey.Undeliverable},
		{status: 400, code: 21635, want: latchkey.Undeliverable},
		{status: 400, code: 21606, want: latchkey.Unavailable}, // our sender is wrong
		{status: 400, want: latchkey.Unavailable},
		{status: 401, code: 20003, want: latchkey.Unavailable},
		{status: 404, code: 20404, want: latchkey.Unavailable},
		{status: 429, code: 20429, retry: "7", want: latchkey.Unavailable, after: 7 * time.Second},
		{status: 429, code: 20429, retry: "soon", want: latchkey.Unavailable},
		{status: 500, code: 21211, want: latchkey.Unavailable},
		{status: 503, retry: "999999", want: latchkey.Unavailable},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.code), func(t *testing.T) {
			t.Parallel()
			x := serve(t)
			x.status, x.code, x.retry = c.status, c.code, c.retry
			s, err := New(x.config())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			err = s.Send(t.Context(), sendertest.Envelope(phone("+4915123456789"), 1))
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

// TestErrorsKeepTheAccount: neither the account nor its token is in an error.
func TestErrorsKeepTheAccount(t *testing.T) {
	t.Parallel()
	x := serve(t)
	_ = x.srv.Listener.Close()
	s, err := New(x.config())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(t.Context(), sendertest.Envelope(phone("+4915123456789"), 1))
	if err == nil || strings.Contains(err.Error(), sid) || strings.Contains(err.Error(), token) {
		t.Errorf("the error shows the account: %v", err)
	}
}

func TestMessagingService(t *testing.T) {
	t.Parallel()
	x := serve(t)
	cfg := x.config()
	cfg.From, cfg.MessagingServiceSID = "", "MG0123456789abcdef0123456789abcdef"
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Send(t.Context(), sendertest.Envelope(phone("+4915123456789"), 1)); err != nil {
		t.Fatal(err)
	}
	if got := x.forms[0].Get("MessagingServiceSid"); got != cfg.MessagingServiceSID {
		t.Errorf("MessagingServiceSid is %q", got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{AccountSID: sid, AuthToken: token, From: "Demo", Now: func() time.Time { return noon }}
	for field, change := range map[string]func(*Config){
		"":            func(*Config) {},
		"account_sid": func(c *Config) { c.AccountSID = "AC/../x" },
		"auth_token":  func(c *Config) { c.AuthToken = "" },
		"from":        func(c *Config) { c.MessagingServiceSID = "MG1" },
		"base_url":    func(c *Config) { c.BaseURL = "http://twilio.example" },
		"timeout":     func(c *Config) { c.Timeout = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		var e *latchkey.Error
		if field == "" && err != nil || field != "" && (!errors.As(err, &e) || e.Field != field) {
			t.Errorf("got %v, want a complaint about %q", err, field)
		}
	}
}
