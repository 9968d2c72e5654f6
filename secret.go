package latchkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A Secret is text that must never be shown: a code, a token, a client secret. Every way of printing it gives
// [redacted]; Reveal is the only way out, and is called where the secret leaves for the one who may have it.
type Secret string

// Reveal gives the text itself.
func (s Secret) Reveal() string { return string(s) }

// String gives [redacted].
func (Secret) String() string { return "[redacted]" }

// Format gives [redacted] for every verb, also for one that does not fit, for which fmt would show the value. (%p and
// %w are out of reach; go vet refuses them.)
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// LogValue is String for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText is String for encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Equal compares in constant time.
func (s Secret) Equal(t Secret) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(t)) == 1 }

// Hash is SHA-256 of something that has at least 128 random bits, or of a public thing: never of a code.
type Hash [32]byte

// HashSecret hashes s for storing: what is found or compared by a secret is stored as this.
func HashSecret(s Secret) Hash { return sha256.Sum256([]byte(s)) }

// Equal compares in constant time.
func (h Hash) Equal(o Hash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }

// IsZero reports the zero value, which is no secret's hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// A SecretID is a fingerprint of a master secret. It travels in the open inside every Handle and in front of every
// sealed key; it is derived one-way and tells nothing of the secret.
type SecretID [2]byte

// MinMasterSecret is the least length of a master secret in bytes: 256 bits (RFC 7518 §3.2 asks the same of HS256).
const MinMasterSecret = 32

// Secrets are the master secrets, newest first. The first one makes new things; each is tried for what it made. What
// they derive is never stored, and they are never in the store: a stolen database yields no code, no link, no token
// and no signing key. The zero value knows no secret and derives nothing.
type Secrets struct{ list []derived }

// derived holds one key per purpose, so that no two purposes ever share one.
type derived struct {
	id                                                           SecretID
	code, link, match, authz, refresh, session, device, userCode macKey
	limiter, captcha, known                                      macKey
	seal                                                         cipher.AEAD
}

// NewSecrets derives everything from the master secrets, newest first. It refuses an empty list, a secret under
// MinMasterSecret bytes, and two that share a fingerprint (1 in 65,536: make another).
func NewSecrets(masters ...[]byte) (Secrets, error) {
	if len(masters) == 0 {
		return Secrets{}, errors.New("no master secret")
	}
	var s Secrets
	for i, m := range masters {
		if len(m) < MinMasterSecret {
			return Secrets{}, fmt.Errorf("master secret %d has %d bytes, needs at least %d", i+1, len(m), MinMasterSecret)
		}
		d, err := derive(m)
		if err != nil {
			return Secrets{}, fmt.Errorf("master secret %d: %w", i+1, err)
		}
		if _, taken := s.find(d.id); taken {
			return Secrets{}, fmt.Errorf("master secret %d repeats an earlier one, or shares its fingerprint: make another", i+1)
		}
		s.list = append(s.list, d)
	}
	return s, nil
}

// LimiterKey is what hides addresses in a limiter's memory. It is that of the newest master secret: when that is replaced,
// limits are counted from nothing once.
func (s Secrets) LimiterKey() []byte {
	sum := s.list[0].limiter.sum(func(b []byte) []byte { return append(b, "addresses"...) })
	return sum[:]
}

// CaptchaKeys sign the puzzles of a CAPTCHA, one for each master secret, newest first.
func (s Secrets) CaptchaKeys() (keys [][]byte) {
	for _, d := range s.list {
		sum := d.captcha.sum(func(b []byte) []byte { return append(b, "puzzles"...) })
		keys = append(keys, sum[:])
	}
	return keys
}

// Current is the fingerprint of the master secret that makes new things.
func (s Secrets) Current() SecretID { return s.list[0].id }

// Code derives the one-time code of a challenge: decimal(HMAC-SHA-256(code key, id ‖ project ‖ address)), without
// bias. ok is false when digits is outside 6–10 or the master secret that id names is gone.
func (s Secrets) Code(id ChallengeID, p ProjectID, to Address, digits int) (code Secret, ok bool) {
	d, known := s.find(id.Secret())
	if !known || digits < MinDigits || digits > MaxDigits {
		return "", false
	}
	return decimal(challengeMAC(d.code, id, p, to), digits), true
}

// LinkToken derives the 128-bit token of a challenge's link, 22 characters of base64url.
func (s Secrets) LinkToken(id ChallengeID, p ProjectID, to Address) (token Secret, ok bool) {
	d, known := s.find(id.Secret())
	if !known {
		return "", false
	}
	sum := challengeMAC(d.link, id, p, to)
	return Secret(base64.RawURLEncoding.EncodeToString(sum[:16])), true
}

// A Match is what number matching shows: two digits to the device that waits, and three numbers, one of them the
// same, to the person who approves.
type Match struct {
	Number  int    // 10..99
	Choices [3]int // distinct, in the order to show
}

// Match derives the numbers of a challenge. Being derived, they are the same each time the page is opened: what stayed
// among changing decoys would give itself away.
func (s Secrets) Match(id ChallengeID, p ProjectID, to Address) (Match, bool) {
	d, known := s.find(id.Secret())
	if !known {
		return Match{}, false
	}
	sum := challengeMAC(d.match, id, p, to)
	const numbers = 90
	word := func(i int) int { return int(binary.BigEndian.Uint64(sum[8*i:]) >> 1) }
	right := word(0) % numbers
	first := (right + 1 + word(1)%(numbers-1)) % numbers // not right
	second := (right + 1 + word(2)%(numbers-1)) % numbers
	if second == first { // one further, and once more if that is right
		second = (second + 1) % numbers
		if second == right {
			second = (second + 1) % numbers
		}
	}
	m := Match{Number: 10 + right, Choices: [3]int{10 + first, 10 + second, 10 + second}}
	place := word(3) % len(m.Choices)
	m.Choices[2] = m.Choices[place]
	m.Choices[place] = m.Number
	return m, true
}

// AuthorizationCode derives the code that an OAuth 2.0 client redeems: the id and a MAC of it, 64 characters of
// base64url.
func (s Secrets) AuthorizationCode(id CodeID) (Secret, bool) { return s.print(id.Handle, 0, authzKey) }

// ParseAuthorizationCode gives the id that a presented code names, if the MAC is right.
func (s Secrets) ParseAuthorizationCode(code Secret) (CodeID, bool) {
	h, generation, ok := s.parse(code, authzKey)
	return CodeID{h}, ok && generation == 0
}

// RefreshToken derives the token of one generation of a grant: id, generation and a MAC of both, 64 characters of
// base64url. Being derived, it can be given out a second time when an answer was lost, and a family has one head.
func (s Secrets) RefreshToken(id GrantID, generation uint32) (Secret, bool) {
	return s.print(id.Handle, generation, refreshKey)
}

// ParseRefreshToken gives the grant and generation that a presented token names, if the MAC is right.
func (s Secrets) ParseRefreshToken(token Secret) (GrantID, uint32, bool) {
	h, generation, ok := s.parse(token, refreshKey)
	return GrantID{h}, generation, ok
}

// SessionToken derives what the cookie of a session holds, 64 characters of base64url.
func (s Secrets) SessionToken(id SessionID) (Secret, bool) { return s.print(id.Handle, 0, sessionKey) }

// ParseSessionToken gives the session that a presented cookie names, if the MAC is right.
func (s Secrets) ParseSessionToken(token Secret) (SessionID, bool) {
	h, generation, ok := s.parse(token, sessionKey)
	return SessionID{h}, ok && generation == 0
}

// DeviceCode derives what a device polls with (RFC 8628 §3.2), 64 characters of base64url.
func (s Secrets) DeviceCode(id DeviceLoginID) (Secret, bool) { return s.print(id.Handle, 0, deviceKey) }

// ParseDeviceCode gives the login that a presented device code names, if the MAC is right.
func (s Secrets) ParseDeviceCode(code Secret) (DeviceLoginID, bool) {
	h, generation, ok := s.parse(code, deviceKey)
	return DeviceLoginID{h}, ok && generation == 0
}

// UserCodeHashes gives what a canonical user code is stored as, under each master secret, the current one first: an HMAC,
// because its 34 bits could be found out from a plain hash. A device login that began under an older secret is found by
// that one's.
func (s Secrets) UserCodeHashes(p ProjectID, code Secret) []Hash {
	out := make([]Hash, 0, len(s.list))
	for _, d := range s.list {
		out = append(out, d.userCode.sum(func(b []byte) []byte { return append(append(b, p.UUID[:]...), code...) }))
	}
	return out
}

// Seal encrypts plain with AES-256-GCM under the current master secret. context is bound but not stored: the same
// must be given to Open. nonce must be random and used once.
func (s Secrets) Seal(plain, context []byte, nonce [12]byte) []byte {
	d := s.list[0]
	out := append(d.id[:], nonce[:]...)
	return d.seal.Seal(out, nonce[:], plain, context)
}

// Open reverses Seal. It fails if the box was altered, belongs to another context, or its master secret is gone.
func (s Secrets) Open(box, context []byte) ([]byte, error) {
	if len(box) < 14 {
		return nil, errors.New("sealed box too short")
	}
	d, ok := s.find(SecretID(box[:2]))
	if !ok {
		return nil, fmt.Errorf("sealed under a master secret (fingerprint %x) that is not configured", box[:2])
	}
	plain, err := d.seal.Open(nil, box[2:14], box[14:], context)
	if err != nil {
		return nil, errors.New("sealed box altered, or of another context")
	}
	return plain, nil
}

func derive(master []byte) (derived, error) {
	key := func(purpose string, n int) []byte {
		k, err := hkdf.Key(sha256.New, master, nil, "latchkey/v1/"+purpose, n)
		if err != nil {
			panic(err) // only for lengths over 255 hashes
		}
		return k
	}
	block, err := aes.NewCipher(key("seal", 32))
	if err != nil {
		return derived{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return derived{}, err
	}
	mac := func(purpose string) macKey { return newMACKey(key(purpose, 32)) }
	return derived{
		id: SecretID(key("fingerprint", 2)), code: mac("code"), link: mac("link"), match: mac("match"),
		authz: mac("authorization code"), refresh: mac("refresh token"), session: mac("session"), device: mac("device code"),
		userCode: mac("user code"), limiter: mac("limiter"), captcha: mac("captcha"), known: mac("known browser"), seal: aead,
	}, nil
}

func (s Secrets) find(id SecretID) (derived, bool) {
	for _, d := range s.list {
		if d.id == id {
			return d, true
		}
	}
	return derived{}, false
}

// A purpose picks the key of one kind of token.
type purpose func(derived) macKey

func authzKey(d derived) macKey   { return d.authz }
func refreshKey(d derived) macKey { return d.refresh }
func sessionKey(d derived) macKey { return d.session }
func deviceKey(d derived) macKey  { return d.device }

// A printed token is 24 bytes of handle, 4 of generation, 20 of MAC: 48 bytes, 64 characters, [A-Za-z0-9_-]
// (contract.md §3: SDKs cut values at anything else).
func (s Secrets) print(h Handle, generation uint32, key purpose) (Secret, bool) {
	d, ok := s.find(h.Secret())
	if !ok {
		return "", false
	}
	b := tokenBytes(h, generation, key(d))
	return Secret(base64.RawURLEncoding.EncodeToString(b[:])), true
}

func (s Secrets) parse(token Secret, key purpose) (Handle, uint32, bool) {
	var b [48]byte
	if len(token) != 64 {
		return Handle{}, 0, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(token))
	if err != nil || n != len(b) { // fewer bytes: the decoder passes over line breaks
		return Handle{}, 0, false
	}
	h, generation := Handle(b[:24]), binary.BigEndian.Uint32(b[24:28])
	d, ok := s.find(h.Secret())
	if !ok {
		return Handle{}, 0, false
	}
	want := tokenBytes(h, generation, key(d))
	if subtle.ConstantTimeCompare(want[:], b[:]) != 1 {
		return Handle{}, 0, false
	}
	return h, generation, true
}

func tokenBytes(h Handle, generation uint32, key macKey) (b [48]byte) {
	copy(b[:24], h[:])
	binary.BigEndian.PutUint32(b[24:28], generation)
	sum := key.sum(func(in []byte) []byte {
		in = append(in, h[:]...)
		return binary.BigEndian.AppendUint32(in, generation)
	})
	copy(b[28:], sum[:])
	return b
}

// challengeMAC binds everything that a code or a link stands for. Fixed-length parts come first, so that no two
// inputs run together.
func challengeMAC(key macKey, id ChallengeID, p ProjectID, to Address) [32]byte {
	return key.sum(func(b []byte) []byte {
		b = append(b, id.Handle[:]...)
		b = append(b, p.UUID[:]...)
		b = append(b, to.channel...)
		b = append(b, 0)
		return append(b, to.value...)
	})
}

// decimal reduces sum to so many digits without bias: of its four 64-bit words the first one below the largest
// multiple of 10^digits is taken. For ten digits a word is refused with a chance of 2^-31, all four with 2^-124;
// then, and only then, the last one is taken as it is.
func decimal(sum [32]byte, digits int) Secret {
	modulus := uint64(1)
	for range digits {
		modulus *= 10
	}
	limit := ^uint64(0) - ^uint64(0)%modulus
	var word uint64
	for i := 0; i < len(sum); i += 8 {
		if word = binary.BigEndian.Uint64(sum[i:]); word < limit {
			break
		}
	}
	return Secret(fmt.Sprintf("%0*d", digits, word%modulus))
}
