package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/devinbox"
)

// Dev serves the pages of development: an app that signs people in on the hosted page, one that does so by the calls of
// /api, and the inbox, with every code in the open. It must never be mounted outside `latchkey dev`. Every field must be set.
type Dev struct {
	Inbox     *devinbox.Inbox
	PublicURL string // scheme://host[:port], no slash at its end
	Project   latchkey.ProjectID
	Client    latchkey.ClientID // public; may sign in devices
	Callback  string            // of the calls: registered with both, on this server
	Redirect  string            // of the hosted login: registered with the client, on this server
	Home      string            // where the client goes on after a logout: registered with it, on this server
	DataFlag  string            // what commands are told so that they find the database; empty: nothing
	Closing   <-chan struct{}   // closed at shutdown: live pages end
}

// Issuer is for the pages.
func (d *Dev) Issuer() string { return latchkey.Issuer(d.PublicURL, d.Project) }

// devPolicy lets the pages of development have scripts and calls of this server's own, and the inbox its frames.
const devPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// Handler serves /demo, what is below it, and /dev/.
func (d *Dev) Handler() (http.Handler, error) {
	pages := map[string]*template.Template{}
	for _, name := range []string{"hosted", "calls", "inbox"} {
		t, err := template.ParseFS(files, "dev/"+name+".html")
		if err != nil {
			return nil, err
		}
		pages[name] = t
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/demo", http.StatusFound))
	mux.HandleFunc("GET /demo", d.page(pages["hosted"]))
	mux.HandleFunc("GET /demo/signed-in", d.page(pages["hosted"]))
	mux.HandleFunc("GET /demo/calls", d.page(pages["calls"]))
	mux.HandleFunc("GET /demo/callback", d.page(pages["calls"]))
	mux.HandleFunc("GET /demo/{file}", assets("dev"))
	mux.HandleFunc("GET /dev/inbox", d.page(pages["inbox"]))
	mux.HandleFunc("GET /dev/inbox/messages", d.messages)
	mux.HandleFunc("GET /dev/inbox/html", d.html)
	mux.HandleFunc("GET /dev/inbox/events", d.events)
	mux.HandleFunc("GET /dev/{file}", assets("dev"))
	return loopbackOnly(mux), nil
}

// loopbackOnly refuses requests for a name that is not this machine's: a web site whose name is made to point at
// 127.0.0.1 (DNS rebinding) would otherwise read the inbox from a developer's browser.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Loopback(r.Host) {
			strict(w.Header(), devPolicy)
			http.Error(w, "These pages answer on this machine's own names only: localhost, 127.0.0.1 or [::1].", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Loopback reports whether a host or host:port names this machine and nothing else.
func Loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// page serves one of the pages. A visitor under another of this machine's names is sent to the one that the
// callback URLs are registered with, so that what the page remembers is still there when a login comes back.
func (d *Dev) page(t *template.Template) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		strict(w.Header(), devPolicy)
		if own, _ := url.Parse(d.PublicURL); own.Host != r.Host {
			http.Redirect(w, r, d.PublicURL+r.URL.RequestURI(), http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := t.Execute(w, d); err != nil {
			return // the reader left: the template was parsed and has only fields
		}
	}
}

// messages is GET /dev/inbox/messages?to=…&limit=…: what was sent, newest first.
func (d *Dev) messages(w http.ResponseWriter, r *http.Request) {
	strict(w.Header(), devPolicy)
	q := r.URL.Query()
	limit := 50
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "limit is a positive number", http.StatusUnprocessableEntity)
			return
		}
		limit = n
	}
	to := q.Get("to")
	if strings.HasPrefix(to, " ") {
		to = "+" + to[1:] // a phone's plus that was not escaped
	}
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // it is JSON, and read by people too
	if err := out.Encode(d.Inbox.List(strings.TrimSpace(to), limit)); err != nil {
		return // the reader left
	}
}

// html is the HTML part of one message, for the inbox's frame: no script, nothing from elsewhere.
func (d *Dev) html(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	strict(h, devPolicy)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "+
		"form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox")
	h.Del("X-Frame-Options")
	for _, m := range d.Inbox.List("", 0) {
		if m.ID == r.URL.Query().Get("id") && m.HTML != "" {
			h.Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, strings.Replace(m.HTML, "<head>", `<head><base target="_blank">`, 1))
			return
		}
	}
	http.NotFound(w, r)
}

// events tells a page that new messages came, as server-sent events, until the page or the server goes.
func (d *Dev) events(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	// The server's limits are for requests that end. A writer that knows no deadlines has none to lift.
	if err := errors.Join(out.SetReadDeadline(time.Time{}), out.SetWriteDeadline(time.Time{})); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return // the reader left
	}
	news, stop := d.Inbox.Subscribe()
	defer stop()
	strict(w.Header(), devPolicy)
	w.Header().Set("Content-Type", "text/event-stream")
	// A comment first, so that the page knows it is connected and a message that came before it is fetched.
	line := "retry: 1000\nevent: news\ndata: {}\n\n"
	for {
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		line = "event: news\ndata: {}\n\n"
		select {
		case <-news:
		case <-d.Closing:
			return
		case <-r.Context().Done():
			return
		}
	}
}
