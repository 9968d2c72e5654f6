package browsertest_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// calling is the server as somebody at another address of the loopback network calls it.
func (s *server) calling(from string) *server {
	out := *s
	dial := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	out.client = &http.Client{Transport: &http.Transport{DialContext: dial.DialContext, DisableKeepAlives: true}}
	return &out
}

// TestABrowserIsKnown: a browser in which somebody signed in, or approved a link of theirs, gets their code when strangers have
// asked for so many that another one would be asked for a CAPTCHA, and no script reads its cookie. The login is long ago: its
// network is forgotten.
func TestABrowserIsKnown(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t, "--limit", "start-address=7/1h")
	client := s.demoSite()
	const who = "ann@example.test"
	login, link := newTab(t, "en"), newTab(t, "en")
	sent := client.ask(login, who)
	login.write(entered, sent.Code)
	login.until("the way back to the client", arrived)
	last := sent.ID
	signIn := func(from string) *device { // the inbox has older messages to the same address
		d := s.calling(from).signIn(demoProject, who, "")
		eventually(t, "another message", func() bool { d.mail = s.message(who); return d.mail.ID != last })
		last = d.mail.ID
		return d
	}
	d := signIn("127.0.0.2")
	link.open(d.mail.Link)
	link.press(`main form button[value="approve"]`)
	link.until("the page after it", arrived)
	for _, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"} {
		if got := signIn(from).confirm(); got != http.StatusOK {
			t.Fatalf("a login from %s: %d", from, got)
		}
	}
	stranger := newTab(t, "en").without("script")
	client.authorize(stranger)
	stranger.write(typed, who)
	stranger.press(goOn)
	stranger.until("the CAPTCHA", `document.readyState === "complete" && document.querySelector("main noscript .alert")`)
	for name, b := range map[string]*tab{"login": login, "link": link} {
		b.without("script") // nothing could solve a puzzle
		if got := b.cookies("latchkey-known-" + demoProject); len(got) != 1 || !got[0].HTTPOnly || got[0].SameSite != network.CookieSameSiteLax || len(got[0].Value) != 32 {
			t.Errorf("%s: the cookies are %+v", name, got)
		}
		client.authorize(b, "prompt", "login")
		b.write(typed, who)
		b.press(goOn)
		b.until("the code to be asked for, in the browser of the "+name, atCode)
	}
}

// cookies gives those of a name that the tab's page would be sent with.
func (b *tab) cookies(name string) (out []*network.Cookie) {
	b.t.Helper()
	b.do("the cookies", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		got, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{})
		for _, c := range got.Cookies {
			if c.Name == name {
				out = append(out, c)
			}
		}
		return chromedp.Void{}, err
	})
	return out
}
