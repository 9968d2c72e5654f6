package latchkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// handleUnder is a Handle that names the current secret of s.
func handleUnder(s latchkey.Secrets, n uint64) latchkey.Handle {
	var random [16]byte
	binary.BigEndian.PutUint64(random[:], n)
	return latchkey.NewHandle(noon, s.Current(), random)
}

func TestASVS_16_2_5_SecretNeverPrints(t *testing.T) {
	t.Parallel()
	const s = latchkey.Secret("hunter2")
	type holder struct {
		S latchkey.Secret
		P *latchkey.Secret
		L []latchkey.Secret
		M map[string]latchkey.Secret
	}
	p := s
	h := holder{S: s, P: &p, L: []latchkey.Secret{s}, M: map[string]latchkey.Secret{"k": s}}
	printed := map[string]string{"String": s.String(), "Sprint": fmt.Sprint(s), "Println": fmt.Sprintln(h)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%c", "%U", "%e", "%10.3s", "%o", "%b"} {
		printed["bare "+verb] = fmt.Sprintf(verb, s)
		printed["in a struct "+verb] = fmt.Sprintf(verb, h)
		printed["behind a pointer "+verb] = fmt.Sprintf(verb, &h)
	}
	for name, v := range map[string]any{"bare": s, "struct": h} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed["JSON "+name] = string(b)
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "k", v)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("m", "k", v)
		printed["slog text "+name], printed["slog JSON "+name] = text.String(), object.String()
	}
	printed["error"] = fmt.Errorf("no: %v", s).Error()
	for how, got := range printed {
		if strings.Contains(got, "hunter2") || strings.Contains(strings.ToLower(got), "68756e74657232") {
			t.Errorf("%s shows the secret: %s", how, got)
		}
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not reveal")
	}
}

func TestSecretEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b latchkey.Secret
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}, {"a", "aa", false}, {"A", "a", false}} {
		if c.a.Equal(c.b) != c.want || latchkey.HashSecret(c.a).Equal(latchkey.HashSecret(c.b)) != c.want {
			t.Errorf("%q equals %q: want %v", c.a.Reveal(), c.b.Reveal(), c.want)
		}
	}
	if latchkey.HashSecret("").IsZero() || !(latchkey.Hash{}).IsZero() {
		t.Error("the zero hash is some secret's")
	}
}

func TestNewSecretsRefuses(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte{1}, 32)
	for name, masters := range map[string][][]byte{
		"none": {}, "an empty one": {{}}, "31 bytes": {long[:31]}, "a short second one": {long, long[:16]}, "the same twice": {long, bytes.Clone(long)},
	} {
		if _, err := latchkey.NewSecrets(masters...); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), string(long[:4])) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	if _, err := latchkey.NewSecrets(long, bytes.Repeat([]byte{2}, 64)); err != nil {
		t.Errorf("32 and 64 bytes: %v", err)
	}
}

// Each input of a code changes it, and so does the purpose.
func TestDerivationsDifferByEveryInput(t *testing.T) {
	t.Parallel()
	s, other := secrets(t, 1), secrets(t, 2)
	id := latchkey.ChallengeID{Handle: handleUnder(s, 1)}
	next := latchkey.ChallengeID{Handle: handleUnder(s, 2)}
	sameText := latchkey.CanonicalAddress(latchkey.Phone, ann.Value())
	seen := map[latchkey.Secret]string{}
	add := func(name string, v latchkey.Secret, ok bool) {
		if !ok || v == "" {
			t.Errorf("%s: nothing derived", name)
		}
		if was, taken := seen[v]; taken {
			t.Errorf("%s and %s are the same", name, was)
		}
		seen[v] = name
	}
	for name, in := range map[string]struct {
		id latchkey.ChallengeID
		p  latchkey.ProjectID
		to latchkey.Address
	}{
		"base": {id, project, ann}, "another challenge": {next, project, ann}, "another project": {id, foreign, ann},
		"another address": {id, project, bob}, "another channel": {id, project, sameText}, "no address": {id, project, latchkey.Address{}},
	} {
		c, ok := s.Code(in.id, in.p, in.to, 10)
		add("code, "+name, c, ok)
		l, ok := s.LinkToken(in.id, in.p, in.to)
		add("link, "+name, l, ok)
		if again, _ := s.Code(in.id, in.p, in.to, 10); again != c {
			t.Errorf("%s: derived differently the second time", name)
		}
	}
	foreignID := latchkey.ChallengeID{Handle: handleUnder(other, 1)}
	c, ok := other.Code(foreignID, project, ann, 10)
	add("code, another master secret", c, ok)
	a, ok := s.AuthorizationCode(latchkey.CodeID(id))
	add("authorization code", a, ok)
	a, ok = s.SessionToken(latchkey.SessionID(id))
	add("session token", a, ok)
	a, ok = s.DeviceCode(latchkey.DeviceLoginID(id))
	add("device code", a, ok)
	for g := range uint32(3) {
		r, ok := s.RefreshToken(latchkey.GrantID(id), g)
		add(fmt.Sprint("refresh token ", g), r, ok)
	}
	if _, ok := s.Code(foreignID, project, ann, 6); ok {
		t.Error("a challenge of a master secret that is gone has a code")
	}
	if _, ok := (latchkey.Secrets{}).Code(id, project, ann, 6); ok {
		t.Error("no master secret, and a code")
	}
}

func TestMasterSecretsAreTriedInOrder(t *testing.T) {
	t.Parallel()
	old, both := secrets(t, 1), secrets(t, 2, 1)
	id := latchkey.ChallengeID{Handle: handleUnder(old, 1)}
	before, _ := old.Code(id, project, ann, 6)
	if after, ok := both.Code(id, project, ann, 6); !ok || after != before {
		t.Error("a new master secret changes the codes that are on their way")
	}
	if both.Current() != secrets(t, 2).Current() || both.Current() == old.Current() {
		t.Error("the first master secret does not make new things")
	}
	token, _ := old.RefreshToken(grantID(1), 0)
	if token != "" {
		t.Error("a grant of an unknown master secret has a token")
	}
	g := latchkey.GrantID{Handle: handleUnder(old, 1)}
	token, _ = old.RefreshToken(g, 3)
	if got, generation, ok := both.ParseRefreshToken(token); !ok || got != g || generation != 3 {
		t.Error("a new master secret ends refresh tokens")
	}
	if _, _, ok := secrets(t, 2).ParseRefreshToken(token); ok {
		t.Error("a token of a removed master secret is still good")
	}
}

func TestASVS_6_5_4_CodeLengths(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	for digits := -1; digits <= 20; digits++ {
		zeros := false
		for n := range uint64(200) {
			c, ok := s.Code(latchkey.ChallengeID{Handle: handleUnder(s, n)}, project, ann, digits)
			if ok != (digits >= 6 && digits <= 10) {
				t.Fatalf("%d digits: %v", digits, ok)
			}
			if ok && (len(c) != digits || strings.Trim(c.Reveal(), "0123456789") != "") {
				t.Fatalf("%d digits: %q", digits, c.Reveal())
			}
			zeros = zeros || strings.HasPrefix(c.Reveal(), "0")
		}
		if digits >= 6 && digits <= 10 && !zeros {
			t.Errorf("%d digits: of 200 codes none starts with 0", digits)
		}
	}
}

// Chi-square over 60,000 fixed codes: each digit at each place is as frequent as the others. 9 degrees of freedom;
// above 40 by chance once in 100,000 times.
func TestASVS_6_5_3_CodesAreUnbiased(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	for _, digits := range []int{6, 10} {
		counts := make([][10]int, digits)
		const n = 60000
		for i := range uint64(n) {
			c, _ := s.Code(latchkey.ChallengeID{Handle: handleUnder(s, i)}, project, ann, digits)
			for place, d := range []byte(c) {
				counts[place][d-'0']++
			}
		}
		for place, count := range counts {
			var chi float64
			for _, got := range count {
				chi += math.Pow(float64(got)-n/10, 2) / (n / 10)
			}
			if chi > 40 {
				t.Errorf("digit %d of %d: %v, chi-square %.1f", place+1, digits, count, chi)
			}
		}
	}
}

func TestASVS_7_2_3_LinkTokenHas128Bits(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	token, ok := s.LinkToken(latchkey.ChallengeID{Handle: handleUnder(s, 1)}, project, ann)
	b, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	if !ok || err != nil || len(b) != 16 {
		t.Fatalf("link token of %d bytes, %v, %v", len(b), ok, err)
	}
	code, _ := s.Code(latchkey.ChallengeID{Handle: handleUnder(s, 1)}, project, ann, 10)
	if fmt.Sprintf("%010d", binary.BigEndian.Uint64(b)%1e10) == code.Reveal() {
		t.Error("the link gives the code away: both are cut from one MAC")
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	plain, context := []byte("private key"), []byte("kid")
	box := s.Seal(plain, context, [12]byte{7})
	if got, err := s.Open(box, context); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Contains(box, plain) {
		t.Error("the box shows what is in it")
	}
	if got, err := secrets(t, 2, 1).Open(box, context); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("after a new master secret: %q, %v", got, err)
	}
	if bytes.Equal(box[14:], s.Seal(plain, context, [12]byte{8})[14:]) {
		t.Error("the nonce changes nothing")
	}
	for i := range box {
		altered := bytes.Clone(box)
		altered[i] ^= 1
		if _, err := s.Open(altered, context); err == nil {
			t.Errorf("byte %d may be altered", i)
		}
		if _, err := s.Open(box[:i], context); err == nil {
			t.Errorf("the box may be cut to %d bytes", i)
		}
	}
	for name, c := range map[string][]byte{"another context": []byte("kie"), "no context": nil, "a longer one": []byte("kid2")} {
		if _, err := s.Open(box, c); err == nil {
			t.Errorf("%s opens the box", name)
		}
	}
	for name, other := range map[string]latchkey.Secrets{"another master secret": secrets(t, 2), "none": {}} {
		if _, err := other.Open(box, context); err == nil {
			t.Errorf("%s opens the box", name)
		}
	}
}

// TestMatchNumbers: the choices are three, distinct, of two digits, one of them right, the same each time, and the right
// one stands in every place equally often.
func TestMatchNumbers(t *testing.T) {
	t.Parallel()
	s := secrets(t, 1)
	places := [3]int{}
	const n = 3000
	for i := range n {
		id := latchkey.ChallengeID{Handle: handleUnder(s, uint64(i))}
		m, ok := s.Match(id, project, ann)
		again, _ := s.Match(id, project, ann)
		if !ok || m != again {
			t.Fatalf("challenge %d: %v, then %v: what changes gives the right one away", i, m, again)
		}
		right := 0
		for place, c := range m.Choices {
			if c < 10 || c > 99 {
				t.Fatalf("challenge %d offers %d, not of two digits", i, c)
			}
			if c == m.Number {
				right++
				places[place]++
			}
		}
		if right != 1 || m.Choices[0] == m.Choices[1] || m.Choices[1] == m.Choices[2] || m.Choices[0] == m.Choices[2] {
			t.Fatalf("challenge %d: number %d among %v", i, m.Number, m.Choices)
		}
	}
	for place, count := range places {
		if count < n/3-200 || count > n/3+200 {
			t.Errorf("the right number stood in place %d %d times of %d", place, count, n)
		}
	}
}
