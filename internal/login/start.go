package login

import (
	"context"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A StartRequest is one of the four start calls (contract.md §2), decoded.
type StartRequest struct {
	Protocol latchkey.Protocol
	Project  latchkey.ProjectID // not on OAuth 2.0, which has it from the client
	Client   latchkey.ClientID  // not on the JWT protocol; may be zero on a hosted page
	// At is the project whose standard authorization endpoint was called. Only its own clients are known there, the state is
	// the client's own business, and a public client must use PKCE. Zero on /api.
	At             latchkey.ProjectID
	To             latchkey.Address
	Redirect       string // login_url or redirect_uri; empty: the only registered one
	ResponseType   string // OAuth 2.0 only: "code"
	State          string // OAuth 2.0 only
	Scope          string
	Nonce          string
	CodeChallenge  string
	ChallengeMode  string // code_challenge_method
	Payload        string // JWT protocol only
	WithLogout     bool   // JWT protocol only
	Locale         string // as it came
	AcceptLanguage string // as it came
	SendLink       bool
	LinkURL        string // read only when SendLink is true
	Operation      string // operation_id of the challenge to send again; empty: a new one
	From           latchkey.Origin
}

// ownPage reports whether a page of this server asks.
func (r StartRequest) ownPage() bool { return !r.At.IsZero() || r.Protocol == latchkey.Hosted }

// The limits of what a start call may hand over, in bytes.
const (
	minState   = 8
	maxState   = 2000
	maxPayload = 2000
	maxScope   = 500
	maxNonce   = 500
)

// An Operation is what a start call answers with.
type Operation struct {
	ID    latchkey.ChallengeID
	Match int // the number that the waiting device shows, two digits; 0 when the project approves by button
	// Expires is when its code ends: for the page of ours that counts down.
	Expires time.Time
}

// Start makes a challenge, or sends a live one's message again, and puts the message into the outbox. A known and an
// unknown address take the same way.
//
// Errors: ProjectNotFound, UnknownClient, CallOff, PhoneCannotSMS, CallbackRequired, CallbackUnknown, ShortState, Invalid,
// Missing; SMSPaused.
func (s *Service) Start(ctx context.Context, r StartRequest) (Operation, error) {
	p, ask, err := s.ask(ctx, r)
	if err != nil {
		return Operation{}, err
	}
	if !p.Has(r.To.Channel()) {
		return Operation{}, &latchkey.Error{Code: latchkey.CallOff, Field: string(r.To.Channel())}
	}
	country, err := s.checkSMS(p, r.To)
	if err != nil {
		return Operation{}, err
	}
	switch {
	case !r.SendLink:
		r.LinkURL = "" // contract.md §2: never looked at
	case r.LinkURL == "" && r.ownPage(): // the person goes back to our page by themselves
	default:
		if err := p.CheckLinkURL(r.LinkURL); err != nil {
			return Operation{}, err
		}
	}
	ask.Locale = s.Catalog.Match(r.Locale, p.DefaultLocale, r.AcceptLanguage)

	now := s.Now().UTC()
	id := latchkey.ChallengeID{Handle: latchkey.NewHandle(now, s.Secrets.Current(), random())}
	again, _ := latchkey.ParseChallengeID(r.Operation)
	_, test := s.TestIdentity(p, r.To)
	// Who is sent nothing must not be told by an answer that no sending went on beside. So a project that is closed leaves
	// messages to the next round of the outbox, a second later at the most.
	atOnce, try := !p.Defence.SignUp.Closed, now
	if atOnce {
		try = now.Add(latchkey.MessageLease)
	}
	started, err := s.Store.StartChallenge(ctx, latchkey.Start{
		Fresh: latchkey.Challenge{
			ID: id, Project: p.ID, To: r.To, Protocol: r.Protocol, Ask: ask, From: r.From, State: latchkey.Waiting,
			Digits: s.Digits(p, r.To), MaxTries: p.Codes.Tries, Link: r.SendLink,
			Number: p.Approval == latchkey.ByNumber, LinkURL: r.LinkURL,
			LinkHash: s.linkHash(id, p.ID, r.To), Started: now, Expires: now.Add(p.Codes.Life),
		},
		SignUp: p.Defence.SignUp, Test: test, SMS: p.Defence.SMS, Country: country, Again: again, AgainHash: s.linkHash(again, p.ID, r.To),
		MessageTry: try,
	}, now)
	s.tellSMS(started, err)
	if err == nil {
		err = started.Verdict
	}
	if err != nil {
		return Operation{}, err
	}
	if atOnce && !started.Message.Challenge.IsZero() {
		select {
		case s.Outbox <- started.Message:
		default: // the worker is behind; it finds the row in the store
		}
	}
	return s.operation(started.Challenge), nil
}

// Check judges a start call without making anything: for the page that must know the project before it asks for an
// address. Every error but UnknownClient, CallbackRequired and CallbackUnknown means that the redirect URI is good.
// Errors: those of Start.
func (s *Service) Check(ctx context.Context, r StartRequest) (latchkey.Project, latchkey.Ask, error) {
	return s.ask(ctx, r)
}

// operation tells the match number whether or not the message carries a link: that may follow from how often the
// address was guessed at, which is not the caller's to know.
func (s *Service) operation(c latchkey.Challenge) Operation {
	out := Operation{ID: c.ID, Expires: c.Expires}
	if c.Number {
		m, _ := s.Secrets.Match(c.ID, c.Project, c.To) // zero where it is not known
		out.Match = m.Number
	}
	return out
}

// ask checks what the call asks for against the project or the client.
func (s *Service) ask(ctx context.Context, r StartRequest) (latchkey.Project, latchkey.Ask, error) {
	if r.Protocol == latchkey.OAuth2 {
		return s.askOAuth2(ctx, r)
	}
	p, err := s.Store.Project(ctx, r.Project)
	if err != nil {
		return p, latchkey.Ask{}, err
	}
	if r.Protocol == latchkey.Hosted {
		return p, latchkey.Ask{Client: r.Client}, nil // it ends on a page of ours: there is nothing to ask for
	}
	redirect, err := p.Callback(r.Redirect)
	if err != nil {
		return p, latchkey.Ask{}, err
	}
	if len(r.Payload) > maxPayload || strings.ContainsFunc(r.Payload, unprintable) {
		return p, latchkey.Ask{}, latchkey.BadField("payload", "the payload is text of 2,000 bytes at the most")
	}
	return p, latchkey.Ask{Redirect: redirect, Payload: r.Payload, WithLogout: r.WithLogout}, nil
}

// unprintable names the characters that a payload may not have: a token would carry each as six, and grow past what
// anybody reads.
func unprintable(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }

func (s *Service) askOAuth2(ctx context.Context, r StartRequest) (latchkey.Project, latchkey.Ask, error) {
	var none latchkey.Ask
	c, err := s.Store.Client(ctx, r.Client)
	if err != nil {
		return latchkey.Project{}, none, err
	}
	if r.At.IsZero() && c.ThirdParty || !r.At.IsZero() && c.Project != r.At {
		return latchkey.Project{}, none, latchkey.UnknownClient
	}
	if !c.SignsPeopleIn() {
		return latchkey.Project{}, none, &latchkey.Error{Code: latchkey.UnknownClient, Message: "This client signs no people in."}
	}
	p, err := s.Store.Project(ctx, c.Project)
	if err != nil {
		return p, none, err
	}
	pick, shortest, proof := c.Redirect, minState, c.PKCERequired
	if !r.At.IsZero() {
		pick, shortest, proof = c.StandardRedirect, 0, proof || c.Kind == latchkey.PublicClient
	}
	redirect, err := pick(r.Redirect)
	if err != nil {
		return p, none, err
	}
	switch {
	case r.ResponseType == "":
		return p, none, latchkey.NoField("response_type")
	case r.ResponseType != "code":
		return p, none, latchkey.BadField("response_type", "the response type is code")
	case len(r.State) < shortest:
		return p, none, latchkey.ShortState
	case len(r.State) > maxState:
		return p, none, latchkey.BadField("state", "the state has 2,000 bytes at the most")
	case len(r.Scope) > maxScope:
		return p, none, latchkey.BadField("scope", "the scope has 500 bytes at the most")
	case len(r.Nonce) > maxNonce:
		return p, none, latchkey.BadField("nonce", "the nonce has 500 bytes at the most")
	}
	if err := checkPKCE(r, proof); err != nil {
		return p, none, err
	}
	return p, latchkey.Ask{
		Client: c.ID, Redirect: redirect, State: r.State, Scope: strings.Join(strings.Fields(r.Scope), " "),
		Nonce: r.Nonce, CodeChallenge: r.CodeChallenge,
	}, nil
}

// checkPKCE takes S256 only: plain protects nothing (RFC 7636 §4.2, ASVS 10.4.6), and a method left out means plain.
func checkPKCE(r StartRequest, required bool) error {
	switch {
	case r.CodeChallenge == "" && r.ChallengeMode == "" && !required:
		return nil
	case r.CodeChallenge == "":
		return latchkey.NoField("code_challenge")
	case r.ChallengeMode != "S256":
		return latchkey.BadField("code_challenge_method", "the method is S256")
	case !latchkey.ValidVerifier(r.CodeChallenge) || len(r.CodeChallenge) != 43:
		return latchkey.BadField("code_challenge", "a challenge is the base64url SHA-256 of the verifier, 43 characters")
	}
	return nil
}

func (s *Service) linkHash(id latchkey.ChallengeID, p latchkey.ProjectID, to latchkey.Address) latchkey.Hash {
	token, ok := s.Secrets.LinkToken(id, p, to)
	if !ok {
		return latchkey.Hash{}
	}
	return latchkey.HashSecret(token)
}
