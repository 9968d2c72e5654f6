package httpapi_test

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// TestASVS_6_6_1_CountriesThatGetNoSMS: a number of a country that the operator did not name is refused before anything is
// kept or sent, and so is one that no SMS reaches.
func TestASVS_6_6_1_CountriesThatGetNoSMS(t *testing.T) {
	t.Parallel()
	const german, austrian, british, american = "+4915112345678", "+436641234567", "+447400123456", "+12025550123"
	for name, c := range map[string]struct {
		countries []string
		passes    bool
		number    string
	}{
		"none is named, as in a new project": {nil, false, german},
		"another one is named":               {[]string{"AT"}, false, german},
		"it is named":                        {[]string{"AT", "DE"}, true, german},
		"every one is named":                 {[]string{"*"}, true, austrian},
		"a shared calling code, this one":    {[]string{"US"}, true, american},
		"a shared calling code, another one": {[]string{"CA"}, false, american},
		"a landline":                         {[]string{"*"}, false, "+493012345678"},
		"a premium number":                   {[]string{"*"}, false, "+499001234567"},
		"a shared-cost number":               {[]string{"*"}, false, "+4918012345"},
		"a personal number":                  {[]string{"*"}, false, "+447012345678"},
		"a VoIP number":                      {[]string{"*"}, false, "+445612345678"},
		"a pager":                            {[]string{"*"}, false, "+447640123456"},
		"an international freephone number":  {[]string{"*"}, false, "+80012345678"},
		"a premium number of no country":     {[]string{"*"}, false, "+979123456789"},
		"a number for drama":                 {[]string{"GB"}, true, "+447700900123"},
		"a number of films":                  {[]string{"US"}, true, "+15551234567"},
		"a number for drama, elsewhere":      {[]string{"DE"}, false, "+447700900123"},
		"a mobile number":                    {[]string{"GB"}, true, british},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.change(func(p *latchkey.Project) { p.Defence.SMS.Countries = c.countries })
			for _, a := range []way{jwtPhone, oauthPhone} {
				a.address = c.number
				if c.passes {
					w.start(a)
					continue
				}
				w.post(a.path+"/request", a.query(w), body{a.member: a.address}).fails(422, "002-043")
				if len(w.outbox) > 0 {
					t.Errorf("%s: a message was made for a number that gets none", a.name())
				}
			}
			events, err := w.store.Events(t.Context(), w.project, 10)
			w.must(err)
			for _, e := range events {
				if !c.passes && e.Kind == latchkey.ChallengeStarted {
					t.Errorf("the refused start left %s in the store", e.Kind)
				}
			}
		})
	}
}

// TestASVS_6_6_1_ResendsObeyCountries: a challenge from before the operator took a country out gets no further message.
func TestASVS_6_6_1_ResendsObeyCountries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operation, _ := w.start(jwtPhone)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Countries = []string{"DE"} })
	w.post(jwtPhone.path+"/request", jwtPhone.query(w), body{jwtPhone.member: jwtPhone.address, "operation_id": operation}).fails(422, "002-043")
}

// TestTestIdentitiesNeedNoCountry: nothing is sent to them.
func TestTestIdentitiesNeedNoCountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) {
		p.Defence.SMS.Countries = nil
		p.Defence.TestIdentities = []latchkey.TestIdentity{
			{Channel: latchkey.Phone, Address: jwtPhone.address, Code: "123456", Until: w.clock.Now().Add(time.Hour)},
		}
	})
	var out struct {
		ID string `json:"operation_id"`
	}
	w.post(jwtPhone.path+"/request", jwtPhone.query(w), body{jwtPhone.member: jwtPhone.address}).ok(&out)
	w.server.Login.NoTestIdentities = true // the operator switched them all off
	w.post(jwtPhone.path+"/request", jwtPhone.query(w), body{jwtPhone.member: jwtPhone.address}).fails(422, "002-043")
	w.server.Login.NoTestIdentities = false
	w.clock.move(time.Hour)
	w.post(jwtPhone.path+"/request", jwtPhone.query(w), body{jwtPhone.member: jwtPhone.address}).fails(422, "002-043")
}

// TestBreakerOfSMS: once too many codes are lost, everybody gets the same 429, and nothing is sent; emails go on.
func TestBreakerOfSMS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := jwtPhone
	known.address = "+12025550199"
	w.userToken(known)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Budget = 2 })
	for _, number := range []string{"+12025550101", "+12025550102"} {
		a := jwtPhone
		a.address = number
		w.start(a)
	}
	w.server.ClientIP = func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.9") } // not where known signed in
	var bodies []string
	for _, number := range []string{"+12025550103", known.address} {
		r := w.post(jwtPhone.path+"/request", jwtPhone.query(w), body{jwtPhone.member: number})
		r.fails(429, "002-057")
		if wait := r.header.Get("Retry-After"); wait != "3600" {
			t.Errorf("Retry-After is %q, want an hour", wait)
		}
		bodies = append(bodies, string(r.body))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the answers tell who has an account:\n%s\n%s", bodies[0], bodies[1])
	}
	if len(w.outbox) > 0 {
		t.Error("a message was made while the breaker was tripped")
	}
	w.start(jwtEmail)
	w.clock.move(time.Hour)
	w.start(jwtPhone)
}

// TestBreakerLetsPeopleHome: a number that signed in from the caller's network before gets its code all the same.
func TestBreakerLetsPeopleHome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.userToken(jwtPhone)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Budget = 1 })
	stranger := jwtPhone
	stranger.address = "+12025550101"
	w.start(stranger)
	w.post(stranger.path+"/request", stranger.query(w), body{stranger.member: stranger.address}).fails(429, "002-057")
	w.userToken(jwtPhone)
}

// TestObservedBreaker stops nothing.
func TestObservedBreaker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(func(p *latchkey.Project) { p.Defence.SMS.Budget, p.Defence.SMS.Breaker = 1, latchkey.BreakerObserve })
	for range 3 {
		w.start(jwtPhone)
	}
	events, err := w.store.Events(t.Context(), w.project, 20)
	w.must(err)
	trips := 0
	for _, e := range events {
		if e.Kind == latchkey.SMSTripped {
			trips++
		}
	}
	if trips != 1 {
		t.Errorf("%d events of one trip, want 1", trips)
	}
}
