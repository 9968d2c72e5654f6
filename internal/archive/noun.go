package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// The nouns as they stand in a line. Ids and times are text, hashes and keys base64; what is zero is left out.

type clientData struct {
	latchkey.Client
	Secret []byte `json:"secret_hash,omitempty"`
}

type keyData struct {
	ID        latchkey.KeyID     `json:"id"`
	Project   latchkey.ProjectID `json:"project"`
	Algorithm latchkey.Algorithm `json:"algorithm"`
	State     latchkey.KeyState  `json:"state"`
	Sealed    []byte             `json:"sealed"`
	Public    []byte             `json:"public,omitempty"`
	Created   time.Time          `json:"created,omitzero"`
	Activated time.Time          `json:"activated,omitzero"`
	Retires   time.Time          `json:"retires,omitzero"`
}

type userData struct {
	ID           latchkey.UserID    `json:"id"`
	Project      latchkey.ProjectID `json:"project"`
	Email        string             `json:"email,omitempty"`
	Phone        string             `json:"phone,omitempty"`
	ContactPhone string             `json:"contact_phone,omitempty"`
	Person       latchkey.Person    `json:"person,omitzero"`
	Registered   time.Time          `json:"registered,omitzero"`
	LastLogin    time.Time          `json:"last_login,omitzero"`
	BanFrom      time.Time          `json:"ban_from,omitzero"`
	BanUntil     time.Time          `json:"ban_until,omitzero"`
	BanReason    string             `json:"ban_reason,omitempty"`
	Epoch        int                `json:"epoch,omitempty"`
	Networks     []byte             `json:"networks,omitempty"`
}

type guessData struct {
	Project  latchkey.ProjectID `json:"project"`
	Address  addressData        `json:"address"`
	Total    int                `json:"total"`
	Whole    time.Time          `json:"whole,omitzero"`
	Networks []networkData      `json:"networks,omitempty"`
}

type networkData struct {
	Network latchkey.Network `json:"network"`
	Tries   int              `json:"tries"`
	NextTry time.Time        `json:"next_try,omitzero"`
}

type grantData struct {
	ID         handleData         `json:"id"`
	Project    latchkey.ProjectID `json:"project"`
	Client     latchkey.ClientID  `json:"client"`
	User       latchkey.UserID    `json:"user"`
	Epoch      int                `json:"epoch,omitempty"`
	Channel    latchkey.Channel   `json:"channel"`
	Scope      string             `json:"scope,omitempty"`
	Payload    string             `json:"payload,omitempty"`
	Session    handleData         `json:"session,omitzero"`
	Generation uint32             `json:"generation"`
	AuthTime   time.Time          `json:"auth_time,omitzero"`
	Created    time.Time          `json:"created,omitzero"`
	Rotated    time.Time          `json:"rotated,omitzero"`
	Expires    time.Time          `json:"expires,omitzero"`
	Revoked    time.Time          `json:"revoked,omitzero"`
}

type sessionData struct {
	ID       handleData         `json:"id"`
	Project  latchkey.ProjectID `json:"project"`
	User     latchkey.UserID    `json:"user"`
	Epoch    int                `json:"epoch,omitempty"`
	Address  addressData        `json:"address"`
	From     originData         `json:"from,omitzero"`
	AuthTime time.Time          `json:"auth_time,omitzero"`
	Used     time.Time          `json:"used,omitzero"`
	Expires  time.Time          `json:"expires,omitzero"`
	Last     time.Time          `json:"last,omitzero"`
}

type eventData struct {
	At        time.Time          `json:"at,omitzero"`
	Kind      latchkey.Kind      `json:"kind"`
	Project   latchkey.ProjectID `json:"project,omitzero"`
	Client    latchkey.ClientID  `json:"client,omitempty"`
	User      latchkey.UserID    `json:"user,omitzero"`
	Challenge handleData         `json:"challenge,omitzero"`
	Grant     handleData         `json:"grant,omitzero"`
	Address   string             `json:"address,omitempty"` // masked
	From      originData         `json:"from,omitzero"`
	Detail    string             `json:"detail,omitempty"`
}

type originData struct {
	IP        netip.Addr `json:"ip,omitzero"`
	UserAgent string     `json:"user_agent,omitempty"`
}

type addressData struct {
	Channel latchkey.Channel `json:"channel"`
	Value   string           `json:"value"`
}

func (a addressData) address() latchkey.Address { return latchkey.CanonicalAddress(a.Channel, a.Value) }

func dataOf(a latchkey.Address) addressData { return addressData{a.Channel(), a.Value()} }

// A handleData is a Handle as text.
type handleData latchkey.Handle

// MarshalText implements encoding.TextMarshaler.
func (h handleData) MarshalText() ([]byte, error) { return []byte(latchkey.Handle(h).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *handleData) UnmarshalText(b []byte) error {
	v, ok := latchkey.ParseHandle(string(b))
	if !ok {
		return fmt.Errorf("%q is no id", b)
	}
	*h = handleData(v)
	return nil
}

// encode gives a noun as it stands in a line.
func encode(noun any) (json.RawMessage, error) {
	var data any
	switch n := noun.(type) {
	case latchkey.Project:
		data = n
	case latchkey.Client:
		c := clientData{Client: n}
		if !n.SecretHash.IsZero() {
			c.Secret = n.SecretHash[:]
		}
		data = c
	case latchkey.Key:
		data = keyData(n)
	case latchkey.User:
		data = userData{
			n.ID, n.Project, n.Email.Value(), n.Phone.Value(), n.ContactPhone.Value(), n.Person, n.Registered, n.LastLogin,
			n.Ban.From, n.Ban.Until, n.Ban.Reason, n.Epoch, networkBytes(n.Networks),
		}
	case latchkey.AddressGuesses:
		g := guessData{n.Project, dataOf(n.To), n.Total, n.Whole, nil}
		for _, from := range n.Networks {
			g.Networks = append(g.Networks, networkData(from))
		}
		data = g
	case latchkey.Grant:
		data = grantData{
			handleData(n.ID.Handle), n.Project, n.Client, n.User, n.Epoch, n.Channel, n.Scope, n.Payload, handleData(n.Session.Handle),
			n.Generation, n.AuthTime, n.Created, n.Rotated, n.Expires, n.Revoked,
		}
	case latchkey.Session:
		data = sessionData{
			handleData(n.ID.Handle), n.Project, n.User, n.Epoch, dataOf(n.To), originData(n.From), n.AuthTime, n.Used, n.Expires, n.Last,
		}
	case latchkey.Event:
		data = eventData{
			n.At, n.Kind, n.Project, n.Client, n.User, handleData(n.Challenge.Handle), handleData(n.Grant.Handle), n.Address,
			originData(n.From), n.Detail,
		}
	default:
		return nil, fmt.Errorf("%T is no noun of an archive", noun)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(data)
	return bytes.TrimSpace(out.Bytes()), err
}

// decode reverses encode.
func decode(kind latchkey.RecordKind, data json.RawMessage) (any, error) {
	switch kind {
	case latchkey.ProjectRecord:
		return read(data, func(p latchkey.Project) any { return p })
	case latchkey.ClientRecord:
		return read(data, func(d clientData) any {
			copy(d.SecretHash[:], d.Secret)
			return d.Client
		})
	case latchkey.KeyRecord:
		return read(data, func(d keyData) any { return latchkey.Key(d) })
	case latchkey.UserRecord:
		return read(data, func(d userData) any { return d.user() })
	case latchkey.GuessRecord:
		return read(data, func(d guessData) any {
			g := latchkey.AddressGuesses{Project: d.Project, To: d.Address.address(), Total: d.Total, Whole: d.Whole}
			for _, from := range d.Networks {
				g.Networks = append(g.Networks, latchkey.NetworkGuesses(from))
			}
			return g
		})
	case latchkey.GrantRecord:
		return read(data, func(d grantData) any { return d.grant() })
	case latchkey.SessionRecord:
		return read(data, func(d sessionData) any {
			return latchkey.Session{
				ID: latchkey.SessionID{Handle: latchkey.Handle(d.ID)}, Project: d.Project, User: d.User, Epoch: d.Epoch,
				To: d.Address.address(), From: latchkey.Origin(d.From), AuthTime: d.AuthTime, Used: d.Used, Expires: d.Expires, Last: d.Last,
			}
		})
	case latchkey.EventRecord:
		return read(data, func(d eventData) any {
			return latchkey.Event{
				At: d.At, Kind: d.Kind, Project: d.Project, Client: d.Client, User: d.User,
				Challenge: latchkey.ChallengeID{Handle: latchkey.Handle(d.Challenge)}, Grant: latchkey.GrantID{Handle: latchkey.Handle(d.Grant)},
				Address: d.Address, From: latchkey.Origin(d.From), Detail: d.Detail,
			}
		})
	}
	return nil, fmt.Errorf("there is no kind of record %q", kind)
}

func (d userData) user() latchkey.User {
	address := func(c latchkey.Channel, value string) latchkey.Address {
		if value == "" {
			return latchkey.Address{}
		}
		return latchkey.CanonicalAddress(c, value)
	}
	u := latchkey.User{
		ID: d.ID, Project: d.Project, Email: address(latchkey.Email, d.Email), Phone: address(latchkey.Phone, d.Phone),
		ContactPhone: address(latchkey.Phone, d.ContactPhone), Person: d.Person, Registered: d.Registered, LastLogin: d.LastLogin,
		Ban: latchkey.Ban{From: d.BanFrom, Until: d.BanUntil, Reason: d.BanReason}, Epoch: d.Epoch,
	}
	left := d.Networks
	for i := range u.Networks {
		left = left[copy(u.Networks[i][:], left):]
	}
	return u
}

// networkBytes gives no bytes for somebody who never signed in.
func networkBytes(ns latchkey.Networks) (b []byte) {
	if ns == (latchkey.Networks{}) {
		return nil
	}
	for _, n := range ns {
		b = append(b, n[:]...)
	}
	return b
}

func (d grantData) grant() latchkey.Grant {
	return latchkey.Grant{
		ID: latchkey.GrantID{Handle: latchkey.Handle(d.ID)}, Project: d.Project, Client: d.Client, User: d.User, Epoch: d.Epoch,
		Channel: d.Channel, Scope: d.Scope, Payload: d.Payload, Session: latchkey.SessionID{Handle: latchkey.Handle(d.Session)},
		Generation: d.Generation, AuthTime: d.AuthTime, Created: d.Created, Rotated: d.Rotated, Expires: d.Expires, Revoked: d.Revoked,
	}
}

func read[T any](data json.RawMessage, noun func(T) any) (any, error) {
	var d T
	if err := strict(data, &d); err != nil {
		return nil, err
	}
	return noun(d), nil
}

// strict decodes JSON that has no member that v has not: a newer program's record would lose something.
func strict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
		return errors.New("something follows the object")
	}
	return nil
}
