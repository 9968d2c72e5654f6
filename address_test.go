package latchkey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

func TestAddressMasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		channel latchkey.Channel
		value   string
		want    string
	}{
		{latchkey.Email, "ann@example.com", "a•••@example.com"},
		{latchkey.Email, "a@example.com", "a•••@example.com"}, // as long as any other
		{latchkey.Email, "élise@example.com", "é•••@example.com"},
		{latchkey.Email, "日本@example.com", "日•••@example.com"},
		{latchkey.Email, "@example.com", "•••"},
		{latchkey.Email, "no at", "•••"},
		{latchkey.Email, `"a@b"@example.com`, `"•••@example.com`},
		{latchkey.Phone, "+4915112345678", "+49•••78"},
		{latchkey.Phone, "+12025550123", "+12•••23"},
		{latchkey.Phone, "+123456", "+•••"}, // too short to show any of it
		{latchkey.Phone, "", "+•••"},
	} {
		if got := latchkey.CanonicalAddress(c.channel, c.value).String(); got != c.want {
			t.Errorf("%s masks as %s, want %s", c.value, got, c.want)
		}
	}
	if got := (latchkey.Address{}).String(); got != "" || !(latchkey.Address{}).IsZero() {
		t.Errorf("no address prints as %q", got)
	}
}

func TestASVS_16_2_5_AddressNeverPrintsInFull(t *testing.T) {
	t.Parallel()
	for _, a := range []latchkey.Address{latchkey.CanonicalAddress(latchkey.Email, "player.one@example.com"), phone} {
		type holder struct {
			A latchkey.Address
			P *latchkey.Address
			L []latchkey.Address
		}
		h := holder{a, &a, []latchkey.Address{a}}
		printed := map[string]string{}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%e", "%o"} {
			printed["bare "+verb] = fmt.Sprintf(verb, a)
			printed["pointer "+verb] = fmt.Sprintf(verb, &a)
			printed["struct "+verb] = fmt.Sprintf(verb, h)
			printed["user "+verb] = fmt.Sprintf(verb, latchkey.User{Email: a, Phone: a})
		}
		for name, v := range map[string]any{"bare": a, "struct": h, "challenge": latchkey.Challenge{To: a}} {
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
		for how, got := range printed {
			for _, part := range []string{"layer", "15112", fmt.Sprintf("%x", "layer"), fmt.Sprintf("%x", "15112")} {
				if strings.Contains(strings.ToLower(got), part) {
					t.Errorf("%s shows the address: %s", how, got)
				}
			}
		}
	}
}

func TestAddressesOfTwoChannelsDiffer(t *testing.T) {
	t.Parallel()
	a, b := latchkey.CanonicalAddress(latchkey.Email, "x"), latchkey.CanonicalAddress(latchkey.Phone, "x")
	if a == b {
		t.Error("an email and a phone of one text are equal")
	}
	if !latchkey.Email.Valid() || !latchkey.Phone.Valid() || latchkey.Channel("").Valid() || latchkey.Channel("server").Valid() {
		t.Error("the channels are email and phone")
	}
}
