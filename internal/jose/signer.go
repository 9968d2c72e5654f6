// Package jose is the room for signing and verifying tokens: it keeps latchkey.Signer, makes signing keys and gives
// their public parts as the wire has them. It owns github.com/go-jose/go-jose/v4, does no I/O and reads no clock.
//
// A token of ours has one of a handful of headers, byte for byte, because we wrote it: alg, kid (never with HS256)
// and typ. Verify compares the header instead of parsing it, so that nothing a stranger puts there is believed or
// even read: not alg, crit, b64, jku, jwk, x5u or x5c (RFC 8725 §3.1, §3.10; ASVS 9.1.2, 9.1.3). Writing the header
// once per key also makes an HS256 token more than twice as fast as assembling it for every token; the tests read
// every token with go-jose, which knows nothing of this.
package jose

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"runtime"
	"strings"
	"sync"

	"github.com/latchkey-dev/latchkey"
)

// maxToken is the longest token in bytes that is looked at, and made. The longest that our claims come to is 7 KiB: a
// payload of 2,000 quotation marks, in RS256.
const maxToken = 8 << 10

// maxOpened bounds the cache of opened keys: some 5 KiB each.
const maxOpened = 1024

// A Signer keeps latchkey.Signer. It is safe for concurrent use.
type Signer struct {
	secrets latchkey.Secrets
	rsa     chan struct{} // one place per core: RS256 takes 1 ms of one, and must not take them from everybody
	drafts  sync.Pool     // of *draft

	mu     sync.RWMutex
	opened map[latchkey.KeyID]*openKey
}

var _ latchkey.Signer = (*Signer)(nil)

// New gives a Signer whose keys are sealed under secrets.
func New(secrets latchkey.Secrets) *Signer {
	return &Signer{
		secrets: secrets,
		rsa:     make(chan struct{}, runtime.GOMAXPROCS(0)),
		drafts:  sync.Pool{New: func() any { return newDraft() }},
		opened:  map[latchkey.KeyID]*openKey{},
	}
}

// Sign gives claims as a compact JWS. At most GOMAXPROCS RS256 signatures are made at a time; others wait for ctx.
// Errors: Internal when the key cannot be opened or the token would be too long to be read back; Unavailable when ctx
// ended first.
func (s *Signer) Sign(ctx context.Context, k latchkey.Key, claims latchkey.Claims) (latchkey.Secret, error) {
	key, err := s.open(k)
	if err != nil {
		return "", err
	}
	d, _ := s.drafts.Get().(*draft) // the pool holds nothing else
	defer s.drafts.Put(d)
	body, err := d.encode(claims)
	if err != nil {
		return "", internal("claims cannot be encoded", err)
	}
	token := append(d.token[:0], key.headers[claims.Form]...)
	token = append(token, '.')
	token = base64.RawURLEncoding.AppendEncode(token, body)
	if len(token)+1+key.sigLen() > maxToken {
		return "", internal("the token would be longer than 8 KiB", nil)
	}
	if key.algorithm == latchkey.RS256 {
		select {
		case s.rsa <- struct{}{}:
			defer func() { <-s.rsa }()
		case <-ctx.Done():
			return "", &latchkey.Error{Code: latchkey.Unavailable, Err: ctx.Err()}
		}
	}
	sig, err := key.sign(token)
	if err != nil {
		return "", internal("signing failed", err)
	}
	token = append(token, '.')
	d.token = base64.RawURLEncoding.AppendEncode(token, sig)
	return latchkey.Secret(d.token), nil
}

// Verify gives the claims of a token that one of ks signed. A key that cannot be opened verifies nothing; Sign is
// loud about it. The public part comes from the sealed one, so that whoever can only write to the store can make no
// token. Errors: BadUserToken.
func (s *Signer) Verify(_ context.Context, ks latchkey.Keys, token latchkey.Secret) (latchkey.Claims, error) {
	var none latchkey.Claims
	text := token.Reveal()
	if len(text) > maxToken || strings.Count(text, ".") != 2 {
		return none, latchkey.BadUserToken
	}
	last := strings.LastIndexByte(text, '.')
	input := text[:last]
	header, body, _ := strings.Cut(input, ".")
	sig, ok := decode(text[last+1:])
	if !ok {
		return none, latchkey.BadUserToken
	}
	for _, k := range ks {
		key, err := s.open(k)
		if err != nil {
			continue
		}
		form, ours := key.form(header)
		if !ours || !key.verify([]byte(input), sig) {
			continue
		}
		claims := latchkey.Claims{Form: form}
		plain, ok := decode(body)
		if !ok || json.Unmarshal(plain, &claims) != nil {
			return none, latchkey.BadUserToken
		}
		return claims, nil
	}
	return none, latchkey.BadUserToken
}

// open gives k ready for use, from the cache if it holds k as it is now.
// Errors: Internal.
func (s *Signer) open(k latchkey.Key) (*openKey, error) {
	s.mu.RLock()
	key := s.opened[k.ID]
	s.mu.RUnlock()
	if key != nil && key.algorithm == k.Algorithm && key.project == k.Project && bytes.Equal(key.sealed, k.Sealed) {
		return key, nil
	}
	plain, err := s.secrets.Open(k.Sealed, sealContext(k))
	if err != nil {
		return nil, internal("signing key "+string(k.ID)+" cannot be opened", err)
	}
	if key, err = newOpenKey(k, plain); err != nil {
		return nil, internal("signing key "+string(k.ID)+" is damaged", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.opened) >= maxOpened {
		for id := range s.opened { // any one: who has so many projects opens a key a little more often
			delete(s.opened, id)
			break
		}
	}
	s.opened[k.ID] = key
	return key, nil
}

// A draft is the space that a token is written in, kept for the next one: an HS256 signature spent a fifth of its time
// on making new ones.
type draft struct {
	plain   []byte
	body    bytes.Buffer
	encoder *json.Encoder
	token   []byte
}

func newDraft() *draft {
	d := &draft{}
	d.encoder = json.NewEncoder(&d.body)
	d.encoder.SetEscapeHTML(false) // the escapes that only matter inside HTML make a payload six times as long
	return d
}

// encode gives claims as JSON, good until the next call.
func (d *draft) encode(claims latchkey.Claims) ([]byte, error) {
	var ok bool
	if d.plain, ok = appendClaims(d.plain[:0], claims); ok {
		return d.plain, nil
	}
	return d.encodeAny(claims)
}

// encodeAny is by itself, because the encoder has its claims moved to the heap.
func (d *draft) encodeAny(claims latchkey.Claims) ([]byte, error) {
	d.body.Reset()
	if err := d.encoder.Encode(&claims); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(d.body.Bytes(), []byte("\n")), nil
}

// decode reads base64url without padding, in the one spelling of its bytes: Go's decoder would pass over line breaks.
func decode(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && base64.RawURLEncoding.EncodedLen(len(b)) == len(s)
}

func internal(message string, cause error) error {
	return &latchkey.Error{Code: latchkey.Internal, Message: message, Err: cause}
}
